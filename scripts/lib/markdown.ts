/** The anchor that GitHub makes of a heading. The site makes the same. */
export function slugOf(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-');
}

/** What links can lead to within a page: its headings, and places that are named by hand, `<a id="cache.timeout">`. */
export function anchorsOf(text: string): string[] {
  const headings = [...withoutCode(text).matchAll(/^#{1,6} +(.+?) *$/gm)].map(({ 1: heading = '' }) => slugOf(heading));
  const named = [...text.matchAll(/<a id="([^"]+)">/g)].map(({ 1: id = '' }) => id);
  return [...headings, ...named];
}

/** Fenced blocks and code spans blanked out, so that offsets stay what they are. A heading keeps its code. */
function withoutCode(text: string): string {
  const blank = (code: string): string => code.replace(/[^\n]/g, ' ');
  return text
    .replace(/^(`{3,})[^]*?^\1`*$/gm, blank)
    .replace(/^(?!#)(.*)$/gm, (line) => line.replace(/`[^`\n]+`/g, blank));
}

/** The links of a text that are written `[...](target)`, without those in code: where each target is. */
export function linksOf(text: string): { target: string; index: number }[] {
  return [...withoutCode(text).matchAll(/\]\(([^()\s]+)\)/g)].map(({ 1: target = '', index }) => ({ target, index }));
}

export function isForeign(target: string): boolean {
  return /^[a-z][a-z0-9+.-]*:|^\/\//i.test(target);
}
