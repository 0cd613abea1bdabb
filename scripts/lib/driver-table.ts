/** How the README shows each feature: its label, and a cell. A feature that is no reader's business is named all the same, as undefined. */
export type Rows<Features> = {
  readonly [Name in keyof Features]: readonly [label: string, cell: (value: Features[Name]) => string] | undefined;
};

/** A table in Markdown: a column for each driver, a row for each feature, after rows of other `facts`. */
export function renderTable<Features extends object>(
  drivers: Readonly<Record<string, Features>>,
  rows: Rows<Features>,
  facts: readonly (readonly [label: string, ...cells: string[]])[] = [],
): string {
  const names = Object.keys(drivers);
  const features = (Object.keys(rows) as (keyof Features)[]).flatMap((feature) => {
    const row = rows[feature];
    if (row === undefined) return [];
    const [label, cell] = row;
    return [[label, ...Object.values(drivers).map((driver) => cell(driver[feature]))]];
  });
  const lines = [['', ...names.map((name) => `\`${name}\``)], ['', ...names].map(() => '---'), ...facts, ...features];
  return lines.map((cells) => `| ${cells.join(' | ')} |\n`).join('');
}

export const yesNo = (value: boolean): string => (value ? 'yes' : 'no');

/** `512 MiB`, `1023 KiB`, or `no limit`. */
export function bytes(value: number | null): string {
  if (value === null) return 'no limit';
  return value % 2 ** 20 === 0 ? `${value / 2 ** 20} MiB` : `${value / 2 ** 10} KiB`;
}
