/** A row of a benchmark, as `npm run bench -- --json` writes it. */
interface Row {
  readonly work: string;
  readonly subject: string;
  readonly opsPerSec: number;
  readonly ratioToRaw: number;
}

const WIDTH = 720;
const LABEL = 210;
const NUMBER = 140;
const BAR = 14;
const LINE = 20;
const TITLE = 30;
/** They can be read on white and on black, since a picture does not know what it lies on. */
const COLOURS = { text: '#808793', own: '#2f80ed', other: '#a9b0bb' };

/**
 * Bars of operations in a second, a group for each work, as SVG without styles or scripts. The bars of a group share a
 * scale; ours, whose subjects begin with `@ent`, stand out by their colour.
 */
export function plot(rows: readonly Row[]): string {
  const groups = Map.groupBy(rows, ({ work }) => work);
  const parts: string[] = [];
  let y = 8;
  for (const [work, group] of groups) {
    y += TITLE;
    parts.push(text(0, y - 10, work, 'start', ' font-weight="600"'));
    const most = Math.max(...group.map(({ opsPerSec }) => opsPerSec), 1);
    for (const { subject, opsPerSec, ratioToRaw } of group) {
      const width = Math.max(1, Math.round(((WIDTH - LABEL - NUMBER) * opsPerSec) / most));
      const colour = subject.startsWith('@ent') ? COLOURS.own : COLOURS.other;
      parts.push(text(LABEL - 8, y + BAR - 3, subject, 'end'));
      parts.push(`<rect x="${LABEL}" y="${y}" width="${width}" height="${BAR}" rx="2" fill="${colour}"/>`);
      parts.push(text(LABEL + width + 6, y + BAR - 3, `${short(opsPerSec)}/s · ${ratioToRaw.toFixed(2)}×`, 'start'));
      y += LINE;
    }
  }
  const head = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y + 8}" width="${WIDTH}" role="img" font-family="system-ui, sans-serif" font-size="12">`;
  return `${head}\n${parts.join('\n')}\n</svg>\n`;
}

function text(x: number, y: number, content: string, anchor: 'start' | 'end', more = ''): string {
  const escaped = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  return `<text x="${x}" y="${y}" text-anchor="${anchor}" fill="${COLOURS.text}"${more}>${escaped}</text>`;
}

/** `1234567` as `1.23 M`. */
function short(count: number): string {
  for (const [unit, size] of [
    ['M', 1e6],
    ['k', 1e3],
  ] as const) {
    if (count >= size) return `${(count / size).toPrecision(3)} ${unit}`;
  }
  return String(count);
}
