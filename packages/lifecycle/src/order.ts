import { lifecycleErrors } from './errors.ts';

/** What is known of a part before it starts. */
interface Ordered {
  readonly name: string;
  readonly after: readonly string[];
}

/** Each part after those that it names, and else as they were added: what is named is moved before who names it. */
export function inOrder<Part extends Ordered>(parts: readonly Part[]): Part[] {
  const ordered = new Set<Part>();
  const visit = (part: Part, path: readonly string[]): void => {
    if (ordered.has(part)) return;
    const { name, after } = part;
    const at = path.indexOf(name);
    if (at >= 0) {
      const circle = [...path.slice(at), name].map((each) => `"${each}"`).join(' after ');
      throw lifecycleErrors.invalid_options(`start: the parts wait for each other: ${circle}.`);
    }
    const unknown = after.find((earlier) => !parts.some((each) => each.name === earlier));
    if (unknown !== undefined) {
      throw lifecycleErrors.invalid_options(`start: "${name}" comes after "${unknown}", which was not added.`);
    }
    for (const each of parts) if (after.includes(each.name)) visit(each, [...path, name]);
    ordered.add(part);
  };
  for (const part of parts) visit(part, []);
  return [...ordered];
}
