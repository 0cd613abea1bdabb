import type { Page } from 'playwright-core';

/**
 * The texts of a page that one can hardly read, with what they stand on: those whose contrast (WCAG 2.2, 1.4.3) is
 * below `least`. Backgrounds are those of the elements around; pictures are not looked at.
 */
export async function faintTexts(page: Page, least: number): Promise<string[]> {
  return page.evaluate<string[]>(`(${SCRIPT})(${least})`);
}

// A text, since a page is no place that the types of Node know.
const SCRIPT = String.raw`(least) => {
  const channels = (color) => {
    const [r, g, b, a = 1] = color.match(/[\d.]+/g).map(Number);
    return [r, g, b, a];
  };
  const over = ([r, g, b, a], under) => [r, g, b].map((value, at) => value * a + under[at] * (1 - a));
  const luminance = (color) => {
    const [r, g, b] = color.map((value) => {
      const part = value / 255;
      return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const faint = new Map();
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = texts.nextNode(); node !== null; node = texts.nextNode()) {
    const element = node.parentElement;
    const range = document.createRange();
    range.selectNodeContents(node);
    // What is for the ears alone is a pixel wide.
    const isSeen = element.checkVisibility({ visibilityProperty: true }) && range.getBoundingClientRect().width > 1;
    if (node.nodeValue.trim() === '' || !isSeen) continue;
    const around = [];
    for (let each = element; each !== null; each = each.parentElement) around.push(getComputedStyle(each));
    const under = around.reduceRight((below, style) => over(channels(style.backgroundColor), below), [255, 255, 255]);
    const [r, g, b, a] = channels(around[0].color);
    const opacity = around.reduce((product, style) => product * Number(style.opacity), a);
    const [more, less] = [luminance(over([r, g, b, opacity], under)), luminance(under)].sort((x, y) => y - x);
    const ratio = (more + 0.05) / (less + 0.05);
    const what = element.tagName + ' ' + around[0].color + ' on ' + under.map(Math.round);
    if (ratio < least) faint.set(what, ratio.toFixed(2) + ' ' + what + ': ' + node.nodeValue.trim().slice(0, 40));
  }
  return [...faint.values()];
}`;
