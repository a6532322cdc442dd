"""The public numbers, for people."""

from __future__ import annotations

from fastapi import Request, Response

from openportability.accounts.session import AVisitor, TheSite
from openportability.stats import rules, service
from openportability.web import i18n, render
from openportability.web.routing import Router

router = Router(include_in_schema=False)


@router.get("/numbers")
def numbers(request: Request, site: TheSite, asking: AVisitor) -> Response:
    with site.db.read() as tx:
        days = service.public(tx, site)
    today = days[-1].counts if days else {}
    labels = {
        "people": i18n.gettext("people here"),
        "links": i18n.gettext("follows brought"),
        "restored": i18n.gettext("follows made again"),
        **{
            f"accounts.{network.name}": i18n.gettext(
                "accounts on %(network)s", network=network.title
            )
            for network in site.networks.values()
        },
    }
    return render.page(
        request,
        "stats/numbers.html",
        figures=[
            {"label": label, "value": today[name]}
            for name, label in labels.items()
            if name in today
        ],
        charts=[
            {"label": labels[name], "line": line, "days": told, "name": name}
            for name in ("people", "restored")
            if (line := rules.line(days, name))
            and (told := [day for day in days if name in day.counts])
        ],
        asking=asking,
        least=rules.LEAST,
        width=rules.WIDTH,
        height=rules.HEIGHT,
    )
