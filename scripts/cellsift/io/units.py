"""Units of length as files name them, however they spell them."""

# µm in one unit of length, by the names of OME-NGFF.
MICROMETRES = {
    "angstrom": 1e-4,
    "nanometer": 1e-3,
    "micrometer": 1.0,
    "millimeter": 1e3,
    "centimeter": 1e4,
    "decimeter": 1e5,
    "meter": 1e6,
    "inch": 25400.0,
}
# What else they are called, in small letters, without a plural's s, with the Greek letter mu.
OTHER_NAMES = {
    "å": "angstrom",
    "ångström": "angstrom",
    "nm": "nanometer",
    "nanometre": "nanometer",
    "micron": "micrometer",
    "mikron": "micrometer",
    "micrometre": "micrometer",
    "mikrometer": "micrometer",
    "um": "micrometer",
    "μm": "micrometer",
    "μ": "micrometer",
    # The sign as ImageJ escapes it, and as it looks after UTF-8 was read as Latin-1.
    "\\u00b5m": "micrometer",
    "âμm": "micrometer",
    "mm": "millimeter",
    "millimetre": "millimeter",
    "cm": "centimeter",
    "centimetre": "centimeter",
    "dm": "decimeter",
    "decimetre": "decimeter",
    "m": "meter",
    "metre": "meter",
    "in": "inch",
    "inches": "inch",
}


def micrometres_in(unit: object) -> float | None:
    """How many µm one `unit` of length is; None for what is no known name of a unit.

    Capital letters, plurals and both signs for micro mean what they mean to a reader.
    """
    if not isinstance(unit, str):
        return None
    # Folding makes one letter of the two for micro, U+00B5 and U+03BC.
    name = unit.strip(" \0.").casefold()
    for spelling in (name, name.removesuffix("s")):
        known = MICROMETRES.get(OTHER_NAMES.get(spelling, spelling))
        if known is not None:
            return known
    return None
