#!/usr/bin/env python3
"""Make a tiny local conda channel: make_channel.py CHANNEL_DIR [name=version ...]

Always holds two real, installable packages made from this interpreter:
  python X.Y.Z  a venv skeleton (bin/python -> this interpreter, pyvenv.cfg)
  pip           unpacked from this interpreter's ensurepip wheel
Every further name=version becomes an EMPTY package: it lets the solver accept a
conda-forge name (and its version constraint) without providing its contents.
"""

import ensurepip
import glob
import hashlib
import io
import json
import os
import sys
import tarfile
import zipfile


def write_package(channel, subdir, name, version, files, links=None, depends=(), noarch=None):
    """Write a package and return its record for the index.

    files: {path: bytes}; links: {path: target}
    """
    links = links or {}
    build = "0"
    index = dict(
        name=name,
        version=version,
        build=build,
        build_number=0,
        depends=list(depends),
        subdir=subdir,
        license="local",
        timestamp=1700000000000,
    )
    if subdir == "noarch":
        index["noarch"] = noarch or "generic"
    paths = [
        dict(
            _path=p,
            path_type="hardlink",
            sha256=hashlib.sha256(b).hexdigest(),
            size_in_bytes=len(b),
        )
        for p, b in files.items()
    ]
    paths += [
        dict(_path=p, path_type="softlink", sha256=hashlib.sha256(b"").hexdigest(), size_in_bytes=0)
        for p in links
    ]
    info = {
        "info/index.json": json.dumps(index),
        "info/about.json": "{}",
        "info/files": "".join(p + "\n" for p in [*files, *links]),
        "info/paths.json": json.dumps(dict(paths=paths, paths_version=1)),
    }
    out = os.path.join(channel, subdir, f"{name}-{version}-{build}.tar.bz2")
    os.makedirs(os.path.dirname(out), exist_ok=True)
    with tarfile.open(out, "w:bz2", compresslevel=1) as tar:
        for p, b in [*((p, t.encode()) for p, t in info.items()), *files.items()]:
            ti = tarfile.TarInfo(p)
            ti.size = len(b)
            ti.mode = 0o755 if p.startswith("bin/") else 0o644
            tar.addfile(ti, io.BytesIO(b))
        for p, target in links.items():
            ti = tarfile.TarInfo(p)
            ti.type = tarfile.SYMTYPE
            ti.linkname = target
            tar.addfile(ti)
    with open(out, "rb") as package:
        content = package.read()
    return index | dict(
        fn=os.path.basename(out),
        md5=hashlib.md5(content).hexdigest(),
        sha256=hashlib.sha256(content).hexdigest(),
        size=len(content),
    )


def write_index(channel, subdir, records):
    """Write the repodata.json of a subdir, which tells a solver what packages it has."""
    packages = {record.pop("fn"): record for record in records}
    index = {
        "info": {"subdir": subdir},
        "packages": packages,
        "packages.conda": {},
        "removed": [],
        "repodata_version": 1,
    }
    os.makedirs(os.path.join(channel, subdir), exist_ok=True)
    with open(os.path.join(channel, subdir, "repodata.json"), "w") as file:
        json.dump(index, file)


def main():
    channel, extra = os.path.abspath(sys.argv[1]), sys.argv[2:]
    v = ".".join(map(str, sys.version_info[:3]))
    xy = ".".join(map(str, sys.version_info[:2]))
    base = os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)
    python = write_package(
        channel,
        "linux-64",
        "python",
        v,
        {
            "pyvenv.cfg": (
                f"home = {os.path.dirname(base)}\n"
                f"include-system-site-packages = false\nversion = {v}\n"
            ).encode(),
            f"lib/python{xy}/site-packages/.conda-shim": b"",
        },
        {"bin/python": base, "bin/python3": "python", f"bin/python{xy}": "python"},
    )
    wheel = sorted(
        glob.glob(os.path.join(os.path.dirname(ensurepip.__file__), "_bundled", "pip-*.whl"))
    )[-1]
    z = zipfile.ZipFile(wheel)
    pip = write_package(
        channel,
        "noarch",
        "pip",
        os.path.basename(wheel).split("-")[1],
        {
            f"lib/python{xy}/site-packages/{n}": z.read(n)
            for n in z.namelist()
            if not n.endswith("/")
        },
        depends=[f"python {xy}.*"],
    )
    empty = []
    for spec in extra:
        name, _, version = spec.partition("=")
        files = {f"share/conda-shim/{name}": b""}
        empty.append(write_package(channel, "noarch", name, version or "0", files))
    write_index(channel, "linux-64", [python])
    write_index(channel, "noarch", [pip, *empty])
    print("file://" + channel)


main()
