/** Request bodies as hcloud-go writes them. */
import { isBag, type Bag } from "../bridge/values.ts";

/** Without members that Go's `omitempty` leaves out. */
export function omitEmpty(bag: Bag): Bag {
  return Object.fromEntries(
    Object.entries(bag).filter(([, value]) => {
      if (value === undefined || value === null || value === "") return false;
      if (Array.isArray(value)) return value.length > 0;
      return !isBag(value) || Object.keys(value).length > 0;
    }),
  );
}
