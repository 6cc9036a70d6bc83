/** Of an order's id in an address. */
export const orderIdPattern = "[A-Za-z0-9_-]{20,64}" as const;
