/** Choose a plan and a name. */
import { Layout } from "./layout.tsx";

export type PlanOffer = {
  id: string;
  name: string;
  summary: string;
  /** "€ 29.00 a month"; undefined while billing cannot be asked. */
  price: string | undefined;
  trialDays: number;
};

export type SignupPageProps = {
  offers: PlanOffer[];
  zone: string;
  /** What the customer typed before, when the form is shown again. */
  values: { plan?: string | undefined; slug?: string | undefined };
  error?: { field: "slug" | "plan" | "form"; message: string };
};

export function SignupPage({ offers, zone, values, error }: SignupPageProps) {
  const chosen = values.plan ?? offers[0]?.id;
  return (
    <Layout title="Your own assistant">
      <h1>Your own assistant, on your own server</h1>
      <p class="lead">
        Choose a plan and a name. You pay on the next page; a few minutes later your OpenClaw assistant
        answers at its own address, on a server that nobody shares with you.
      </p>
      {error?.field === "form" ? <ErrorText id="form-error" message={error.message} /> : null}
      <form method="post" action="/orders">
        <fieldset>
          <legend>Plan</legend>
          {error?.field === "plan" ? <ErrorText id="plan-error" message={error.message} /> : null}
          {offers.map((offer) => (
            <label class="card">
              <input type="radio" name="plan" value={offer.id} checked={offer.id === chosen} required />
              <span>
                <strong>{offer.name}</strong>
                <span class="price">{offer.price ?? "price shown at checkout"}</span>
                <span class="muted">
                  {offer.summary}
                  {offer.trialDays > 0 ? ` The first ${offer.trialDays} days are free.` : ""}
                </span>
              </span>
            </label>
          ))}
        </fieldset>
        <label for="slug">
          <strong>Name of your assistant</strong>
        </label>
        <div class="address">
          <input
            id="slug"
            name="slug"
            value={values.slug ?? ""}
            required
            minlength={1}
            maxlength={32}
            pattern="[a-z]([a-z0-9\-]*[a-z0-9])?"
            autocapitalize="none"
            autocomplete="off"
            spellcheck={false}
            aria-describedby="slug-help"
            aria-invalid={error?.field === "slug" ? "true" : undefined}
          />
          <span>.{zone}</span>
        </div>
        {error?.field === "slug" ? <ErrorText id="slug-error" message={error.message} /> : null}
        <p id="slug-help" class="muted">
          Up to 32 small letters, digits and inner hyphens, starting with a letter. It becomes your address.
        </p>
        <button type="submit">Continue to payment</button>
      </form>
    </Layout>
  );
}

function ErrorText({ id, message }: { id: string; message: string }) {
  return (
    <p id={id} class="error" role="alert">
      {message}
    </p>
  );
}
