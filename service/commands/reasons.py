"""Why an operator does something: it is kept in the ledger, so it has to say something."""

import click


class Reason(click.ParamType[str]):
    """A text that is not empty."""

    name = "text"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the text without what is around it."""
        text = str(value).strip()
        if not text:
            self.fail("say why; it is kept in the ledger", param, ctx)
        return text


REASON = click.option(
    "--reason", type=Reason(), required=True, help="Why you look at this person; it is kept in her ledger."
)
