"""The style sheet of a report, for light and dark screens, wide and narrow ones, and for paper."""

STYLE = """
:root { color-scheme: light dark; --paper: #fff; --card: #f6f7f9; --ink: #1c2127; --quiet: #5c6672; --line: #dde1e6;
  --strong: #1f6fd6; --weak: #9aa5b1; --wrong: #c9471f; --on: #fff; }
@media (prefers-color-scheme: dark) { :root { --paper: #14171b; --card: #1d2127; --ink: #e6e9ed; --quiet: #9ba6b2;
  --line: #343b44; --strong: #5aa2f5; --weak: #6b7683; --wrong: #f0845c; --on: #10151b; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1120px; margin: 0 auto; padding: 16px 20px 48px; }
h1 { font-size: 1.6em; margin: .4em 0 0; overflow-wrap: anywhere; }
h2 { font-size: 1.2em; margin: 2.2em 0 .6em; padding-bottom: .3em; border-bottom: 1px solid var(--line); }
h3 { font-size: 1em; margin: 1.4em 0 .4em; }
header p, .legend { color: var(--quiet); margin: .2em 0; }
p, ul { max-width: 75ch; } li { overflow-wrap: anywhere; }
.tiles { display: flex; flex-wrap: wrap; gap: 12px; }
.tile { background: var(--card); border-radius: 8px; padding: 10px 16px; min-width: 132px; }
.tile b { display: block; font-size: 1.55em; font-weight: 600; font-variant-numeric: tabular-nums; }
.tile span { color: var(--quiet); font-size: .9em; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr)); gap: 16px 28px;
  align-items: start; }
svg { width: 100%; height: auto; }
svg text { fill: var(--quiet); font-size: 11.5px; font-family: inherit; }
svg .label { fill: var(--ink); } svg .name { fill: var(--ink); }
svg path { fill: none; stroke-width: 1; } .grid { stroke: var(--line); } .axis { stroke: var(--quiet); }
.equal { stroke: var(--quiet); stroke-dasharray: 4 4; }
path.training { stroke: var(--weak); stroke-width: 1.4; } path.validation { stroke: var(--strong); stroke-width: 1.8; }
circle.mark { fill: var(--strong); stroke: var(--paper); stroke-width: 1.5; }
circle.training.mark { fill: var(--weak); }
.dot { fill: var(--strong); fill-opacity: .45; } .bar { fill: var(--strong); fill-opacity: .85; }
.whisker { stroke: var(--ink); stroke-width: 1.4; } .heat { fill: var(--strong); } .heat.wrong { fill: var(--wrong); }
svg .count { font-size: 12.5px; font-variant-numeric: tabular-nums; }
svg .count.on { fill: var(--on); } svg .count.off { fill: var(--ink); }
.key { display: inline-block; width: 20px; border-top: 3px solid; vertical-align: middle; margin: 0 6px 0 0; }
.key.training { border-color: var(--weak); } .key.validation { border-color: var(--strong); margin-left: 12px; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .93em; margin-top: .6em; }
th { text-align: left; font-weight: 600; color: var(--quiet); }
th, td { padding: 5px 14px 5px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
td.n { font-variant-numeric: tabular-nums; white-space: nowrap; }
td.name { min-width: 9ch; max-width: 26ch; overflow-wrap: anywhere; }
td.done { min-width: 30ch; }
td.sample { color: var(--quiet); min-width: 18ch; max-width: 30ch; overflow-wrap: anywhere; }
.meter { display: inline-block; width: 64px; height: 8px; background: var(--line); border-radius: 4px;
  margin-right: 8px; overflow: hidden; }
.meter i { display: block; height: 100%; background: var(--strong); border-radius: 4px; }
pre { background: var(--card); padding: 12px 14px; border-radius: 8px; overflow-x: auto; white-space: pre-wrap;
  overflow-wrap: anywhere; font-size: .92em; }
@media print { section { break-inside: avoid; } }
"""
