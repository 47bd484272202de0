/** A member of something that came over the wire; `undefined` if it is no object or has none such. */
export function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
