"""What every entry of params.yaml is made of: strict types, and names, counts and seeds in their ranges."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=100)]
Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]
Split = Literal["train", "val", "test"]
Palette = Literal["facades", "cityscapes"]


class Strict(BaseModel):
    """No unknown key, no silent conversion ("1" is not 1), no infinite number, no change after reading."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)
