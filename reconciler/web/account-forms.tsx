/** The forms of a customer's billing page. Each carries the token of its session, where there is one. */
import type { Child } from "hono/jsx";
import { mostSeats } from "../billing/seats.ts";
import type { AccountOffer } from "./account-view.ts";

/** What lets somebody act: a session, or nothing at all where no mail can be sent. */
export type Entry = { csrf: string } | undefined;

export function Csrf({ entry }: { entry: Entry }) {
  return entry === undefined ? null : <input type="hidden" name="csrf" value={entry.csrf} />;
}

type VerbProps = { action: string; text: string; entry?: Entry; quiet?: boolean; note?: Child };

export function Verb({ action, text, entry, quiet = false, note }: VerbProps) {
  return (
    <form method="post" action={action}>
      <Csrf entry={entry} />
      {note === undefined ? null : <p class="muted">{note}</p>}
      <button type="submit" {...(quiet ? { class: "quiet" } : {})}>
        {text}
      </button>
    </form>
  );
}

type OffersProps = {
  title: string;
  action: string;
  method: "get" | "post";
  offers: readonly AccountOffer[];
  button: string;
  entry: Entry;
  note: Child;
};

export function Offers({ title, action, method, offers, button, entry, note }: OffersProps) {
  return (
    <form method={method} action={action}>
      {method === "post" ? <Csrf entry={entry} /> : null}
      <fieldset>
        <legend>{title}</legend>
        {note === null ? null : <p class="muted">{note}</p>}
        {offers.map((offer, index) => (
          <label class="card">
            <input type="radio" name="plan" value={offer.id} checked={index === 0} required />
            <span>
              <strong>{offer.name}</strong>
              <span class="price">{offer.price ?? "price shown before you pay"}</span>
              <span class="muted">{offer.summary}</span>
            </span>
          </label>
        ))}
      </fieldset>
      <button type="submit">{button}</button>
    </form>
  );
}

export function Quantity({ action, quantity }: { action: string; quantity: number }) {
  return (
    <form method="get" action={action}>
      <fieldset>
        <legend>
          <label for="quantity">How many assistants</label>
        </legend>
        <p class="address">
          <input
            id="quantity"
            name="quantity"
            type="number"
            min={1}
            max={mostSeats}
            value={Math.min(mostSeats, Math.max(1, quantity))}
            required
          />
        </p>
        <p class="muted">Each has a server and an address of its own. With fewer, the last ones end.</p>
      </fieldset>
      <button type="submit">See what it costs</button>
    </form>
  );
}

type AddressProps = { action: string; name: string; zone: string; entry: Entry };

export function Address({ action, name, zone, entry }: AddressProps) {
  return (
    <form method="post" action={action}>
      <Csrf entry={entry} />
      <fieldset>
        <legend>
          <label for="address">Address of your assistant</label>
        </legend>
        <p class="address">
          <input
            id="address"
            name="address"
            value={name}
            required
            maxlength={32}
            pattern="[a-z]([a-z0-9\-]*[a-z0-9])?"
            autocapitalize="none"
            autocomplete="off"
            spellcheck={false}
          />
          <span>.{zone}</span>
        </p>
        <p class="muted">
          Within some minutes it answers under the new one, and no longer under the old one. Once a day.
        </p>
      </fieldset>
      <button type="submit" class="quiet">
        Change the address
      </button>
    </form>
  );
}
