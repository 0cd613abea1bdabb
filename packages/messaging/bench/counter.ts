/** Resolves when so many more have come. */
export function counter() {
  let [count, wanted] = [0, 0];
  let reached = (): void => {};
  return {
    add(): void {
      if (++count === wanted) reached();
    },
    until(more: number): Promise<void> {
      wanted = count + more;
      return new Promise((resolve) => {
        reached = resolve;
      });
    },
  };
}
