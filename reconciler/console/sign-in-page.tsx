/** The way in: one field for the key that one has. */
import { Document } from "./frame.tsx";

export const problems = {
  unknown: "This key is not valid: mistyped, revoked or expired.",
  shared:
    "This is the key of the environment, and it is nobody's own. Make one with your name: fleet keys create <name> --scope read --scope operate",
  blind: "This key may not look at anything: it needs the scope read.",
  ended: "Your session has ended. Sign in again to go on.",
  slow: "Too many wrong keys were tried. Wait a few seconds.",
} as const;
export type SignInProblem = keyof typeof problems;

export function SignInPage({ next, problem }: { next: string; problem?: SignInProblem }) {
  const bad = problem !== undefined && problem !== "ended";
  return (
    <Document title="Sign in">
      <main class="narrow">
        <h1>Clawfleet console</h1>
        {problem === undefined ? null : (
          <p id="problem" class="notice" data-kind={bad ? "bad" : "good"} role={bad ? "alert" : "status"}>
            {problems[problem]}
          </p>
        )}
        <form method="post" action="/console/sign-in" class="stack">
          <input type="hidden" name="next" value={next} />
          <label for="key">Your API key</label>
          <input
            id="key"
            name="key"
            type="password"
            required
            maxlength={200}
            autocomplete="current-password"
            autofocus
            spellcheck={false}
            aria-invalid={bad ? "true" : undefined}
            aria-describedby={problem === undefined ? "help" : "problem help"}
          />
          <button type="submit">Sign in</button>
          <p id="help" class="muted">
            What you may do here is what your key may do, and it is written down under its name. An
            administrator makes keys with <code>fleet keys create</code>.
          </p>
        </form>
      </main>
    </Document>
  );
}

/** Asks for the same page again, this time from here. */
export function BouncePage() {
  return (
    <Document title="One moment" refresh>
      <main class="narrow">
        <h1>One moment</h1>
        <p>
          <a href="">Go on</a>
        </p>
      </main>
    </Document>
  );
}
