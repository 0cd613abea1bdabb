/** Colours have a contrast of at least 4.5 to 1 in both schemes. */
export const STYLE = `:root {
  color-scheme: light dark;
  --back: #f6f7f9; --card: #ffffff; --text: #1b2230; --muted: #566073; --line: #d9dee7;
  --good: #17703a; --warn: #8a5800; --bad: #b3261e; --one: #1f5fbf; --two: #a34a00;
}
@media (prefers-color-scheme: dark) {
  :root {
    --back: #12161d; --card: #1a2029; --text: #e7ebf2; --muted: #a3adbd; --line: #323b49;
    --good: #6fcf8f; --warn: #f0b95a; --bad: #ff8f85; --one: #7fb2ff; --two: #ffab66;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--text); font: 14px/1.45 system-ui, sans-serif; }
header {
  display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; align-items: baseline; padding: .75rem 1.25rem;
  background: var(--card); border-bottom: 1px solid var(--line); position: sticky; top: 0; z-index: 1;
}
h1 { font-size: 1.25rem; margin: 0; }
h2 { font-size: .95rem; margin: 0 0 .5rem; }
p { margin: 0; }
#about { color: var(--muted); flex: 1; }
button { font: inherit; color: inherit; background: var(--back); border: 1px solid var(--muted); border-radius: 4px; padding: .15rem .8rem; }
:focus-visible { outline: 3px solid var(--one); outline-offset: 2px; }
main { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 27rem), 1fr)); gap: 1rem; padding: 1rem 1.25rem; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 6px; padding: .75rem 1rem; min-width: 0; }
section.wide { grid-column: 1 / -1; }
section[hidden] { display: none; }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(8rem, 1fr)); gap: .75rem; margin: 0; }
dt { color: var(--muted); }
dd { margin: 0; font-size: 1.4rem; font-variant-numeric: tabular-nums; }
.scroll { overflow-x: auto; max-height: 22rem; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th { font-weight: 600; color: var(--muted); }
th, td { text-align: right; padding: .2rem .5rem; border-top: 1px solid var(--line); white-space: nowrap; }
thead th { border-top: 0; }
th:first-child, td:first-child { text-align: left; white-space: normal; overflow-wrap: anywhere; padding-left: 0; }
td:first-child, tbody th { color: var(--text); font-weight: 400; }
.empty { color: var(--muted); }
.good { color: var(--good); } .warn { color: var(--warn); font-weight: 600; } .bad { color: var(--bad); font-weight: 600; }
svg { display: block; width: 100%; height: 8rem; border-bottom: 1px solid var(--line); }
svg path { fill: none; stroke-width: 2; vector-effect: non-scaling-stroke; }
.line-1 { stroke: var(--one); } .line-2 { stroke: var(--two); stroke-dasharray: 4 3; }
.key-1 { color: var(--one); } .key-2 { color: var(--two); }
figure { margin: 0; } figcaption { display: flex; flex-wrap: wrap; gap: 0 1rem; color: var(--muted); margin-top: .25rem; }
details { border-top: 1px solid var(--line); padding: .3rem 0; }
summary { cursor: pointer; overflow-wrap: anywhere; }
pre { margin: .25rem 0 .25rem 1rem; white-space: pre-wrap; overflow-wrap: anywhere; color: var(--muted); font: 13px/1.4 ui-monospace, monospace; }
time, .count { color: var(--muted); font-variant-numeric: tabular-nums; }
`;
