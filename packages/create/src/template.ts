/** What a template can ask of, and the texts that it has in `{{...}}`. */
export interface Values {
  /** True conditions: `auth=none`, `redis`. */
  readonly conditions: ReadonlySet<string>;
  readonly texts: Readonly<Record<string, string>>;
}

/**
 * A template with its values: of the lines between `//# if CONDITION` (or `##`) and `//# end`, those whose conditions
 * hold; `!` is not.
 */
export function fill(template: string, { conditions, texts }: Values): string {
  const open: boolean[] = [];
  const lines = template.split('\n').filter((line) => {
    const [, word, negated, condition = ''] = /^\s*(?:\/\/|#)# (if|end)(?: (!?)(\S+))?$/.exec(line) ?? [];
    if (word === 'if') open.push(conditions.has(condition) !== (negated === '!'));
    else if (word === 'end') open.pop();
    return word === undefined && open.every((each) => each);
  });
  return lines.join('\n').replace(/\{\{(\w+)\}\}/g, (_, name: string) => {
    const text = texts[name];
    if (text === undefined) throw new Error(`a template asks for {{${name}}}`);
    return text;
  });
}
