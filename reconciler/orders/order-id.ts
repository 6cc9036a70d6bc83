/** What an order's id looks like: in addresses, and in what buyers' browsers hand to providers. */
import { z } from "zod";

export const orderIdPattern = "[A-Za-z0-9_-]{20,64}" as const;

export const orderIdSchema = z.string().regex(new RegExp(`^${orderIdPattern}$`), "an order's id");
