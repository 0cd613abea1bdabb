import { OTHER } from './names.ts';

/** Values of labels, in the order of their names; empty where there is nothing to say. */
export type LabelValue = string | number;

/**
 * By the value of one label: what the next one tells apart, and after the last one a cell. Most values are those of the
 * time before, and to see that is cheaper than to look them up.
 */
class Node {
  readonly #children = new Map<LabelValue, unknown>();
  #lastValue: LabelValue | undefined;
  #last: unknown;

  get(value: LabelValue): unknown {
    if (value === this.#lastValue) return this.#last;
    const child = this.#children.get(value);
    if (child === undefined) return undefined;
    this.#lastValue = value;
    this.#last = child;
    return child;
  }

  set(value: LabelValue, child: unknown): void {
    this.#children.set(value, child);
  }
}

/**
 * What a metric is counted in: a cell for each set of label values. A node for each label finds it, where libraries of
 * metrics check the names, sort them and make a text of all for each observation.
 */
export abstract class Cells<Cell> {
  readonly #width: number;
  readonly #maxSeries: number;
  #root = new Node();
  #cells: Cell[] = [];
  #only: Cell | undefined;
  #overflow: Cell | undefined;

  /** @param width how many labels there are */
  constructor(width: number, maxSeries: number) {
    this.#width = width;
    this.#maxSeries = maxSeries;
  }

  protected abstract make(values: readonly LabelValue[]): Cell;

  /** The cell of all that comes after the last one that there is room for. */
  protected makeOverflow(): Cell {
    return this.make(Array.from({ length: this.#width }, () => OTHER));
  }

  /** All of them, in the order in which they came. */
  protected get cells(): readonly Cell[] {
    return this.#cells;
  }

  /** The cell of a set of label values; one for all others once there are too many. */
  cell(...values: readonly LabelValue[]): Cell {
    let node: unknown = this.#root;
    for (let i = 0; i < values.length && node !== undefined; i++) node = (node as Node).get(values[i] as LabelValue);
    return node === undefined ? this.#add(values) : (node as Cell);
  }

  /** The cell of a metric without labels, which has a value from the start. */
  get only(): Cell {
    this.#only ??= this.#kept(this.make([]));
    return this.#only;
  }

  /** Starts anew; prom-client's `resetMetrics` calls it. */
  reset(): void {
    this.#root = new Node();
    this.#cells = [];
    this.#only = undefined;
    this.#overflow = undefined;
  }

  #add(values: readonly LabelValue[]): Cell {
    if (this.#cells.length >= this.#maxSeries) {
      this.#overflow ??= this.#kept(this.makeOverflow());
      return this.#overflow;
    }
    const cell = this.#kept(this.make(values));
    let node = this.#root;
    for (const value of values.slice(0, -1)) {
      let next = node.get(value) as Node | undefined;
      if (next === undefined) {
        next = new Node();
        node.set(value, next);
      }
      node = next;
    }
    node.set(values.at(-1) as LabelValue, cell);
    return cell;
  }

  #kept(cell: Cell): Cell {
    this.#cells.push(cell);
    return cell;
  }
}
