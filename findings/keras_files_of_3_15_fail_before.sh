#!/usr/bin/env bash
# keras 3.15.1 and 3.14.0, seen 2026-12-01.
# A model of plain layers (the kind that cellfinder's networks are made of: Conv3D, Flatten, Dense), saved as .keras by
# 3.15.1, is refused by 3.14.0, one minor version before. Nothing is said as it is saved, and the file's metadata.json
# has the version; one would expect a model without any new option to load, or an error that names the versions.
# cellfinder 1.10.1 and 1.11.0 take any Keras from 3.7 on, so that a network trained in one lab's fresh environment does
# not load in another's of a month before.
# Touches in cellsift: `cellsift export --to cellfinder` says which Keras wrote the file and that an older one may not
# load it; cellsift itself reads weights of either.
# Needs the package torch, which is large.
# Output seen:
#   keras 3.15.1 saved a model of plain layers; in keras 3.15.1: loaded; in keras 3.14.0: TypeError
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
install() { "$folder/venv/bin/python" -m pip install --quiet --no-compile --disable-pip-version-check "$@"; }
install torch==2.13.0 numpy==2.4.6 keras==3.15.1
cd "$folder"
export KERAS_BACKEND=torch PYTHONPATH=
cat > save.py <<'END'
import keras

given = keras.Input((5, 5, 5, 1))
found = keras.layers.Conv3D(2, 3)(given)
keras.Model(given, keras.layers.Dense(2)(keras.layers.Flatten()(found))).save("plain.keras")
END
cat > load.py <<'END'
import keras

try:
    keras.models.load_model("plain.keras")
    print("loaded", end="")
except Exception as error:
    print(type(error).__name__, end="")
END
venv/bin/python save.py
new=$(venv/bin/python load.py)
install keras==3.14.0
old=$(venv/bin/python load.py)
echo "keras 3.15.1 saved a model of plain layers; in keras 3.15.1: $new; in keras 3.14.0: $old"
[ "$new" = loaded ] && [ "$old" = TypeError ] || { echo "No longer as stated." >&2; exit 1; }
