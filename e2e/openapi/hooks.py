"""What schemathesis does not know by itself: how a routing file is written as TOML."""

import schemathesis


@schemathesis.serializer("application/toml")
def toml(context, value):
    """The schema says that it is a text: whether the text is TOML is the program's to find out."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")
