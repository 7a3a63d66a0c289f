"""What schemathesis does not know by itself: how a routing file is written as TOML, and what is there to ask about."""

import re

import schemathesis


@schemathesis.serializer("application/toml")
def toml(context, value):
    """The schema says that it is a text: whether the text is TOML is the program's to find out."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")


# What runs on the program (routing.toml), by the name that paths have for it, and what any such thing looks like.
THERE = {
    "page": (r"[1-9][0-9]{0,17}", "2001"),
    "person": (r"[A-Za-z0-9_-]{1,64}", "ada"),
    "app": (r".+", "111"),
    "ref": (r".+", "spring"),
    "ad": (r".+", "9001"),
}


def whole(value):
    """To JSON Schema 7.0 is a whole number. Baton wants one written as one, as the description says in words."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [whole(item) for item in value]
    if isinstance(value, dict):
        return {name: whole(item) for name, item in value.items()}
    return value


@schemathesis.hook
def map_body(context, body):
    return whole(body)


@schemathesis.hook
def before_call(context, case, kwargs):
    """The dictionaries are for what is made up at random. What is enumerated names things that are not there, and would
    see nothing but 404: here it is given those that are."""
    if case.meta is None or case.meta.phase.name.value != "coverage":
        return
    for name, value in (case.path_parameters or {}).items():
        pattern, there = THERE.get(name, ("", value))
        if isinstance(value, str) and re.fullmatch(pattern, value, re.ASCII | re.DOTALL):
            case.path_parameters[name] = there
