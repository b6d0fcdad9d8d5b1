"""The look of a report: one style sheet and the colours the plots share with it."""

# Colour name -> light value, dark value. Plots are drawn with the light values; in
# a page each is replaced by a CSS variable, so that plots follow the dark scheme.
COLORS = {
    "ink": ("#1c2128", "#e4e7eb"),
    "muted": ("#5b6675", "#a3adba"),
    "rule": ("#dce1e7", "#39414c"),
    "paper": ("#fefefe", "#15191f"),
    "panel": ("#f4f6f9", "#1e242c"),
    "method": ("#0a5fc4", "#6cb0ff"),
    "baseline": ("#626d7b", "#9aa6b5"),
    "control": ("#a84f0b", "#f0a35e"),
    "bound": ("#74469c", "#c39ee6"),
    "good": ("#136f3a", "#6fd396"),
    "bad": ("#b3261e", "#ff9a91"),
}


def light(name: str) -> str:
    """The light value of a colour, as plots use it."""
    return COLORS[name][0]


def _variables(scheme: int) -> str:
    return " ".join(f"--{name}: {pair[scheme]};" for name, pair in COLORS.items())


CSS = f"""\
:root {{ color-scheme: light dark; {_variables(0)} }}
@media (prefers-color-scheme: dark) {{ :root {{ {_variables(1)} }} }}
* {{ box-sizing: border-box; }}
html {{ -webkit-text-size-adjust: 100%; }}
body {{
  margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans",
    Arial, sans-serif;
  overflow-wrap: anywhere;
}}
main {{ max-width: 60rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }}
h1 {{ font-size: 2rem; line-height: 1.2; margin: 0 0 .5rem; letter-spacing: -.01em; }}
h2 {{
  font-size: 1.25rem; line-height: 1.3; margin: 3rem 0 .75rem; padding-top: 1rem;
  border-top: 1px solid var(--rule);
}}
h3 {{ font-size: 1rem; margin: 1.5rem 0 .4rem; }}
p {{ margin: .5rem 0; max-width: 46rem; }}
.lead {{ font-size: 1.0625rem; color: var(--muted); }}
.note, figcaption {{ color: var(--muted); font-size: .875rem; max-width: 46rem; }}
.warn {{ border-left: 4px solid var(--control); padding: .25rem 0 .25rem .75rem; }}
.tiles {{
  display: grid; grid-template-columns: repeat(auto-fit, minmax(10.5rem, 1fr));
  gap: .75rem; margin: 1.5rem 0 0; padding: 0;
}}
.tile {{ background: var(--panel); border-radius: .5rem; padding: .75rem 1rem; }}
.tile dt {{ color: var(--muted); font-size: .8125rem; }}
.tile dd {{
  margin: 0; font-size: 1.375rem; font-weight: 650; line-height: 1.35;
  font-variant-numeric: tabular-nums;
}}
.tile dd small {{
  display: block; font-size: .8125rem; font-weight: 400; color: var(--muted);
}}
.scroll {{ overflow-x: auto; margin: .75rem 0; }}
table {{ border-collapse: collapse; font-size: .9375rem; min-width: 100%; }}
th, td {{
  padding: .4rem .75rem; border-bottom: 1px solid var(--rule); text-align: left;
  vertical-align: top; overflow-wrap: break-word; max-width: 22rem;
}}
th:first-child, td:first-child {{ padding-left: 0; }}
thead th {{
  color: var(--muted); font-weight: 600; font-size: .8125rem; vertical-align: bottom;
}}
tbody th {{ font-weight: 600; }}
th.num, td.num {{
  text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums;
}}
.dot {{
  display: inline-block; width: .625rem; height: .625rem; border-radius: 50%;
  margin-right: .5rem;
}}
.dot.method {{ background: var(--method); }}
.dot.baseline {{ background: var(--baseline); }}
.dot.control {{ background: var(--control); }}
.dot.bound {{ background: var(--bound); }}
.better {{ color: var(--good); }}
.worse {{ color: var(--bad); }}
dl.notes, dl.pairs {{
  display: grid; grid-template-columns: max-content minmax(0, 1fr);
  gap: .35rem 1.5rem; margin: .75rem 0; font-size: .9375rem;
}}
dl.notes dt {{ font-weight: 600; }}
dl.notes dd {{ margin: 0; color: var(--muted); max-width: 42rem; }}
dl.pairs dt {{ color: var(--muted); max-width: 18rem; }}
dl.pairs dd {{ margin: 0; font-variant-numeric: tabular-nums; }}
.sheet small {{ display: block; color: var(--muted); font-size: .75rem; }}
.heat {{
  display: block; margin: -.25rem -.5rem; padding: .25rem .5rem;
  border-radius: .25rem;
}}
.heat small {{ color: inherit; }}
.sheet tbody th {{ min-width: 6rem; }}
ul.findings {{ margin: .75rem 0; padding-left: 1.25rem; }}
figure {{ margin: 1rem 0; }}
figure svg {{ display: block; width: 100%; height: auto; }}
.narrow {{ display: none; }}
@media (max-width: 40rem) {{
  main {{ padding: 1.5rem 1rem 3rem; }}
  h1 {{ font-size: 1.5rem; }}
  .wide {{ display: none; }}
  .narrow {{ display: block; }}
  dl.notes {{ display: block; }}
  table {{ font-size: .875rem; }}
  th, td {{ padding: .35rem .4rem; }}
  .arms tbody th {{ min-width: 8.75rem; }}
  dl.notes dd {{ margin-bottom: .5rem; }}
  dl.pairs dt {{ max-width: 9.5rem; }}
}}
.bars {{ display: grid; grid-template-columns: max-content 1fr max-content;
  gap: .4rem .75rem; align-items: center; font-size: .9375rem; }}
.bars .name {{ max-width: 12rem; }}
.bars .track {{ background: var(--panel); border-radius: .25rem; height: .9rem; }}
.bars .fill {{
  background: var(--method); border-radius: .25rem; height: 100%; min-width: 2px;
}}
.bars .amount {{ text-align: right; font-variant-numeric: tabular-nums; }}
.example {{
  border: 1px solid var(--rule); border-radius: .5rem; margin: 1rem 0;
  padding: .25rem 1rem 1rem;
}}
.example h3 {{ margin: .75rem 0 .25rem; }}
.pair {{
  display: grid; grid-template-columns: repeat(auto-fit, minmax(min(17rem, 100%), 1fr));
  gap: .75rem 1.25rem;
}}
.pair > div {{ min-width: 0; }}
.label {{ color: var(--muted); font-size: .8125rem; margin: .5rem 0 .2rem; }}
.text {{
  white-space: pre-wrap; background: var(--panel); border-radius: .375rem;
  padding: .5rem .75rem; max-height: 16rem; overflow: auto; font-size: .9375rem;
}}
.tag {{
  font-size: .75rem; border: 1px solid; border-radius: 1rem; padding: 0 .5rem;
  margin-left: .4rem; white-space: nowrap;
}}
details {{ margin: .75rem 0; }}
summary {{ cursor: pointer; font-weight: 600; }}
details th {{ font-weight: 400; color: var(--muted); }}
pre, code {{
  font-family: ui-monospace, "SF Mono", Menlo, Consolas, "Liberation Mono", monospace;
  font-size: .875rem;
}}
pre {{
  white-space: pre-wrap; background: var(--panel); border-radius: .375rem;
  padding: .75rem 1rem; margin: .5rem 0;
}}
@media print {{
  main {{ max-width: none; padding: 0; }}
  .text {{ max-height: none; }}
}}
"""
