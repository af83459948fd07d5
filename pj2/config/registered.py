"""A section of the config that names a registered definition and sets its options."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from pj2.config.catalogue import Catalogue


class Registered(BaseModel):
    """A section that names a definition of a catalogue; its other keys are options of it."""

    model_config = ConfigDict(extra="allow", frozen=True)
    catalogue: ClassVar[Catalogue]

    name: str

    @property
    def options(self) -> dict[str, Any]:
        """All options of the named definition; those that are not given have their defaults."""
        known = self.catalogue.options(self.name)
        return {key: option.default for key, option in known.items()} | (self.model_extra or {})

    def complete(self) -> Self:
        """Return the section with all of its options."""
        return self.model_copy(update=self.options)

    @model_validator(mode="before")
    @classmethod
    def _read_options(cls, raw: Any) -> Any:
        if not isinstance(raw, dict):
            return raw
        name = raw.get("name", cls.model_fields["name"].default)
        names = sorted(cls.catalogue.modules())
        wrong = []
        if name not in names:
            context = {"expected": f"{', '.join(names[:-1])} or {names[-1]}"}
            wrong.append(
                InitErrorDetails(type="literal_error", loc=("name",), input=name, ctx=context)
            )
            raise ValidationError.from_exception_data(cls.__name__, wrong)
        known = cls.catalogue.options(name)
        read = {}
        for key, value in raw.items():
            try:
                read[key] = value if key == "name" else known[key].read(value)
            except KeyError:
                keys = {"name": name, "keys": ["name", *known]}
                error = PydanticCustomError("no_such_option", "no option of {name}", keys)
            except ValueError as problem:
                error = PydanticCustomError("option", "{problem}", {"problem": str(problem)})
            else:
                continue
            wrong.append(InitErrorDetails(type=error, loc=(key,), input=value))
        if wrong:
            raise ValidationError.from_exception_data(cls.__name__, wrong)
        return read
