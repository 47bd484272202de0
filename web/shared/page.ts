/** Finding the parts that a template promises. */

/** The element with this id. A template that lacks it is a bug of ours, so it throws. */
export function part<E extends HTMLElement>(id: string, kind: new () => E): E {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`the page lacks its part "${id}"`);
  return found;
}
