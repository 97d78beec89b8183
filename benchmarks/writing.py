"""What templates and signatures cost: python -m benchmarks.writing. No database, no network.

A usual template (styles put at their elements) may take 0.5 ms of the processor a mail, a signature under an answer of
100 KB 1.5 ms. Both are measured by the processor's time, the best of several rounds: other work slows each of them.
"""

import time
from collections.abc import Callable

ROUNDS, EACH = 7, 200


def main() -> None:
    """Measure both."""
    _report("a template of 4 KB, written with its styles", _template(), 0.5)
    _report("a template without styles", _template(styled=False), 0.5)
    _report("a signature under an answer of 100 KB, HTML", _signature("html"), 1.5)
    _report("a signature under a text of 100 KB", _signature("text"), 1.5)
    _report("a signature that a thread of 100 KB has already", _signature("once"), 1.5)


def _template(*, styled: bool = True) -> Callable[[], object]:
    from delivery.content import publishing, templates
    from delivery.content.template_sources import Source, Variable

    style = "<style>td{padding:4px} h1{color:#0a7} a{color:#07a} @media (max-width:600px){td{padding:2px}}</style>"
    rows = "{% for item in items %}<tr><td>{{ item.name }}</td><td>{{ item.price }}</td></tr>{% endfor %}"
    body = (
        "<p>Dear {{ customer.name }},</p>"
        + "<p>Some words that are the same for everybody who gets them.</p>" * 40
    )
    html = f"<html><head>{style if styled else ''}</head><body><h1>Hi</h1>{body}<table>{rows}</table></body></html>"
    variables = (Variable(name="customer", type="object"), Variable(name="items", type="list"))
    found = templates.parsed(
        publishing.compiled(Source(subject="For {{ customer.name }}", html=html), variables=variables),
        variables,
    )
    data = {"customer": {"name": "Ann"}, "items": [{"name": f"Lamp {n}", "price": n} for n in range(5)]}
    return lambda: found.render(data)


def _signature(what: str) -> Callable[[], object]:
    from delivery.content import signatures
    from delivery.content.signatures import Piece

    piece = Piece(id="s1", html="<b>Ann Lee</b><br>Example Ltd", text="Ann Lee\nExample Ltd, Main Street 5")
    cell = '<table><tr><td style="color:red">Some words of an answer, as they are</td></tr></table>\n'
    html = f"<html><body><p>Hi</p>{cell * 1_150}</body></html>" if what != "text" else ""
    text = "Some words of an answer, line by line it goes on\n" * 2_050 if what == "text" else "Hi\n"
    if what == "once":
        html = html.replace("</body>", '<div data-gomail-signature="s1">Ann</div></body>')
    return lambda: signatures.signed(html, text, [piece])


def _report(what: str, do: Callable[[], object], goal: float) -> None:
    best = min(_milliseconds(do) for _ in range(ROUNDS))
    print(f"{what}: {best:.3f} ms (goal {goal} ms)")


def _milliseconds(do: Callable[[], object]) -> float:
    begun = time.process_time()
    for _ in range(EACH):
        do()
    return (time.process_time() - begun) / EACH * 1000


if __name__ == "__main__":
    main()
