"""What every entry of the configuration is made of: strict types, and names, counts and seeds in their ranges."""

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    StringConstraints,
    WithJsonSchema,
    model_serializer,
)

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=100)]
Words = Annotated[str, Field(min_length=1)]
Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]
Side = Annotated[int, Field(ge=64, le=1024)]  # pixels
Split = Literal["train", "val", "test"]
HeldOut = Literal["val", "test"]
Palette = Literal["facades", "cityscapes"]
PaletteOrNone = Annotated[
    Palette | None,
    BeforeValidator(lambda value: None if value == "none" else value),
    WithJsonSchema({"enum": ["facades", "cityscapes", "none"]}),
]
CarIds = Annotated[  # in one text, because `dvc exp run -S` rewrites lists
    list[Words],
    Field(min_length=1),
    BeforeValidator(lambda value: value.split() if isinstance(value, str) else value),
    WithJsonSchema({"type": ["string", "array"], "items": {"type": "string"}}),
]
Direction = Literal["AtoB", "BtoA"]


class Strict(BaseModel):
    """No unknown key, no silent conversion ("1" is not 1), no infinite number, no change after reading."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


class Dials(Strict):
    """Options that were added later have a neutral default in their type, and are written only where they differ.

    So a file that is written without them has the same bytes as before, and old files are read (docs/design.md).
    """

    @model_serializer(mode="wrap")
    def _without_neutral(self, serialise: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields, written = type(self).model_fields, serialise(self)
        return {
            key: value
            for key, value in written.items()
            if fields[key].is_required() or getattr(self, key) != fields[key].get_default(call_default_factory=True)
        }
