/** The forms of an instance's page: what is offered now to whoever looks. */
import { actionIds, actions, type ActionId } from "./actions.ts";
import { Csrf, type Viewer } from "./frame.tsx";
import type { FleetRow } from "../db/fleet.ts";
import type { InstanceFacts } from "../db/instance-facts.ts";

type ActionsProps = { viewer: Viewer; instance: FleetRow; facts: InstanceFacts };

function listOffered({ viewer, instance, facts }: ActionsProps, typed: boolean): ActionId[] {
  return actionIds.filter((id) => {
    const { scope, isOffered, typed: isTyped = false } = actions[id];
    return isTyped === typed && viewer.operator.scopes.has(scope) && isOffered({ instance, facts });
  });
}

export function ActionButtons(props: ActionsProps) {
  const { viewer, instance } = props;
  const offered = listOffered(props, false);
  const stuck = instance.status === "parked" || instance.status === "waiting";
  return (
    <div id="actions" class="actions" data-live="">
      {offered.length === 0 ? <p class="muted">There is nothing that you could order here.</p> : null}
      {offered.map((id) => (
        <form method="post" action={`/console/instances/${instance.slug}/actions/${id}`}>
          <Csrf viewer={viewer} />
          <button
            id={`action-${id}`}
            type="submit"
            class={id === "apply" && stuck ? undefined : "secondary"}
            title={actions[id].hint}
          >
            {id === "apply" && stuck ? "Try again now" : actions[id].title}
          </button>
        </form>
      ))}
    </div>
  );
}

/** Not live: nothing moves under the hand of who types here. */
export function DangerZone(props: ActionsProps) {
  const { viewer, instance } = props;
  const offered = listOffered(props, true);
  if (offered.length === 0) return null;
  return (
    <section class="danger" aria-labelledby="danger-title">
      <h2 id="danger-title">What cannot be taken back</h2>
      {offered.map((id) => (
        <details>
          <summary>{actions[id].title}</summary>
          <form method="post" action={`/console/instances/${instance.slug}/actions/${id}`} class="stack">
            <Csrf viewer={viewer} />
            <p id={`hint-${id}`}>{actions[id].hint}</p>
            <label for={`typed-${id}`}>
              Type <code>{instance.slug}</code> to go on
            </label>
            <input
              id={`typed-${id}`}
              name="typed"
              required
              pattern={instance.slug}
              autocomplete="off"
              autocapitalize="none"
              spellcheck={false}
              aria-describedby={`hint-${id}`}
            />
            <button type="submit" class="bad">
              {actions[id].title}
            </button>
          </form>
        </details>
      ))}
    </section>
  );
}
