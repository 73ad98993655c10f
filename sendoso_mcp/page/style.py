"""How the page looks: one style sheet, named by its hash in the Content-Security-Policy."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping

LIGHT: Mapping[str, str] = {
    "ground": "#f5f4f0",
    "sheet": "#ffffff",
    "ink": "#1d2024",
    "quiet": "#575d66",
    "line": "#d9d7cf",
    "edge": "#767d87",
    "said": "#f4f3ee",
    "yes": "#175c40",
    "yes-ink": "#ffffff",
    "link": "#175c40",
    "focus": "#1d55c2",
    "alarm": "#fcebe8",
    "alarm-ink": "#7c1d13",
    "good": "#e3f2ea",
    "good-ink": "#0f4630",
    "sandbox": "#fdf1cf",
    "sandbox-ink": "#5a4404",
}
DARK: Mapping[str, str] = {
    "ground": "#141619",
    "sheet": "#1d2024",
    "ink": "#ebe9e4",
    "quiet": "#a8aeb7",
    "line": "#373c43",
    "edge": "#858c96",
    "said": "#262a2f",
    "yes": "#8ad6b0",
    "yes-ink": "#0b2116",
    "link": "#8ad6b0",
    "focus": "#8fb8ff",
    "alarm": "#3b1d1a",
    "alarm-ink": "#ffc0b7",
    "good": "#17352a",
    "good-ink": "#b4ecd0",
    "sandbox": "#3a3113",
    "sandbox-ink": "#f3dd9a",
}


def _variables(palette: Mapping[str, str]) -> str:
    return "".join(f"--{name}:{colour};" for name, colour in palette.items())


STYLE = (
    f":root{{color-scheme:light dark;{_variables(LIGHT)}}}\n"
    f"@media (prefers-color-scheme:dark){{:root{{{_variables(DARK)}}}}}\n"
    """\
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;background:var(--ground);color:var(--ink);overflow-wrap:anywhere;
 font:1rem/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","DejaVu Sans",sans-serif}
a{color:var(--link);text-underline-offset:.2em}
:focus-visible{outline:3px solid var(--focus);outline-offset:3px;border-radius:4px}
.frame{max-width:44rem;margin:0 auto;padding:1rem}
.top{display:flex;justify-content:space-between;gap:1rem;flex-wrap:wrap;padding:.25rem 0 1rem}
.top a{font-weight:650;color:var(--ink);text-decoration:none}
.top a:hover{text-decoration:underline}
.quiet{color:var(--quiet);font-size:.9rem}
.sandbox{margin:0 0 1rem;padding:.6rem 1rem;border-radius:8px;background:var(--sandbox);
 color:var(--sandbox-ink)}
.sheet{background:var(--sheet);border:1px solid var(--line);border-radius:12px;padding:1.25rem}
.sheet+.sheet{margin-top:1rem}
h1{font-size:1.6rem;line-height:1.2;letter-spacing:-.01em;margin:0 0 .5rem}
h2{font-size:1.1rem;line-height:1.3;margin:1.75rem 0 .5rem}
.sheet>:first-child{margin-top:0}
.sheet>:last-child{margin-bottom:0}
p{margin:.5rem 0}
ul{margin:.5rem 0;padding-left:1.25rem}
code{font:.9em ui-monospace,"SF Mono",Consolas,"DejaVu Sans Mono",monospace;
 background:var(--said);border:1px solid var(--line);border-radius:4px;padding:.05em .3em}
.amount{display:block;font-size:1.6rem;line-height:1.2;font-weight:650;letter-spacing:-.01em;
 font-variant-numeric:tabular-nums;white-space:nowrap}
.price{margin:0}
.row{display:flex;flex-wrap:wrap;justify-content:space-between;align-items:baseline;gap:.25rem 1rem}
.row h1,.row h2{margin:0}
.alarm,.good{border-left:5px solid currentColor;border-radius:8px;padding:.9rem 1rem;margin:0 0 1rem}
.alarm{background:var(--alarm);color:var(--alarm-ink)}
.good{background:var(--good);color:var(--good-ink);margin:1rem 0}
.alarm h2{margin:0 0 .25rem}
.alarm p{margin:.25rem 0}
.alarm a{color:inherit}
.alarm code{background:none;border-color:currentColor}
dl{margin:1rem 0 .5rem}
.fact{padding:.55rem 0;border-top:1px solid var(--line)}
dt{color:var(--quiet);font-size:.9rem}
dd{margin:.15rem 0 0}
.said{display:block;overflow:hidden;background:var(--said);border-left:3px solid var(--edge);
 border-radius:0 6px 6px 0;padding:.25rem .75rem;white-space:pre-line}
label{display:block;font-weight:600}
.hint{margin:.1rem 0 .5rem}
.wrong{margin:.1rem 0 .5rem;color:var(--alarm-ink);font-weight:600}
input.pin{display:block;width:100%;max-width:20rem;min-height:3rem;padding:.4rem .75rem;
 font:inherit;font-size:1.1rem;color:var(--ink);background:var(--sheet);
 border:1px solid var(--edge);border-radius:8px}
input.pin[aria-invalid]{border:2px solid var(--alarm-ink)}
.choice{display:flex;flex-wrap:wrap;gap:.75rem;margin-top:1.25rem}
button{flex:1 1 10rem;min-height:3rem;padding:.5rem 1rem;font:inherit;font-weight:600;border-radius:8px;
 border:1px solid var(--edge);background:var(--sheet);color:var(--ink);cursor:pointer}
button:hover{border-color:var(--ink)}
button.yes{background:var(--yes);border-color:var(--yes);color:var(--yes-ink)}
button.yes:hover{border-color:var(--ink)}
.cards{list-style:none;margin:1rem 0;padding:0}
.cards li{margin:0 0 1rem}
.cards h2{margin:0;font-size:1rem}
.cards .amount{font-size:1.25rem}
@media (min-width:34rem){
 .frame{padding:2rem 1.5rem}
 .sheet{padding:1.75rem 2rem}
 .fact{display:grid;grid-template-columns:8.5rem 1fr;gap:1rem;align-items:baseline}
 dd{margin:0}
 button{flex:0 1 auto;min-width:11rem}
 .row{flex-wrap:nowrap}
 .price{text-align:right}
}
"""
)
STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
