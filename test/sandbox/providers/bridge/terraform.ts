/** A Terraform provider as the engine sees it through Pulumi's bridge: one function for each of the engine's questions. */
import { checkInputs, withoutMarks } from "./check.ts";
import type { Call, ResourceDefinition, TerraformProvider } from "./definition.ts";
import { diffStates } from "./diff.ts";
import type { Style } from "./fields.ts";
import { planState, wantedOf } from "./plan.ts";
import {
  HalfMade,
  logicalNameOf,
  NoSuchToken,
  ProcessDeath,
  tokenOf,
  type Plugin,
  type PluginRun,
  type RunContext,
} from "./plugin.ts";
import { refreshInputs } from "./refresh-inputs.ts";
import { composeState, previewState } from "./state.ts";
import { bagOf, makeSecret, withoutSecrets, type Bag } from "./values.ts";

export function createTerraformPlugin<Client>(provider: TerraformProvider<Client>): Plugin {
  return {
    name: provider.name,
    version: provider.version,
    acceptsSecrets: false,
    supportsAutonaming: true,
    checkConfig(config) {
      const plain = bagOf(withoutSecrets(config));
      const marked = Object.entries(plain).map(([name, value]) => [
        name,
        provider.secretConfig.includes(name) ? makeSecret(value) : value,
      ]);
      const failures = provider.checkConfig(plain).map(({ reason }) => reason);
      return { inputs: Object.fromEntries(marked), failures };
    },
    open: (config, run) => openRun(provider, bagOf(withoutSecrets(config)), run),
  };
}

function openRun<Client>(provider: TerraformProvider<Client>, config: Bag, run: RunContext): PluginRun {
  const clientOf = provider.connect(config, run);
  const resources = new Map(provider.resources.map((resource) => [resource.token, resource]));
  const functions = new Map(provider.functions.map((one) => [one.token, one]));

  const resourceOf = (urn: string): ResourceDefinition<Client> => {
    const found = resources.get(tokenOf(urn));
    if (!found) throw new NoSuchToken(`no such resource: ${tokenOf(urn)}`);
    return found;
  };

  const callOf = (style: Style, urn: string, made: (id: string) => void = () => undefined): Call<Client> => ({
    urn,
    client: clientOf(style),
    made,
    log: (severity, message) => run.log(severity, urn, message),
  });

  /** Runs one step; an error gets the words of its half. SDKv2 steps name what they were doing. */
  async function inWords<T>(style: Style, doing: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof ProcessDeath) throw error;
      const prefix = style === "sdkv2" ? doing : "";
      throw new Error(`${prefix}${provider.wording[style](error)}`, { cause: error });
    }
  }

  function plan(resource: ResourceDefinition<Client>, olds: Bag, news: Bag, ignored: readonly string[]) {
    const prior = plainOf(olds);
    const inputs = plainOf(news);
    const planned = planState(resource, prior, inputs);
    for (const name of ignored) if (name in planned) planned[name] = prior[name];
    return { prior, inputs, planned, diff: diffStates(resource, prior, planned, news) };
  }

  return {
    check: ({ urn, news, olds, naming }) =>
      checkInputs(resourceOf(urn), news, olds, { ...naming, logicalName: logicalNameOf(urn) }),

    diff: ({ urn, olds, news, ignoreChanges }) => plan(resourceOf(urn), olds, news, ignoreChanges).diff,

    async create({ urn, inputs: marked, preview }) {
      const resource = resourceOf(urn);
      const inputs = plainOf(marked);
      const planned = planState(resource, undefined, inputs);
      if (preview) return { id: "", state: previewState(resource, planned, inputs) };
      let made: string | undefined;
      const call = callOf(resource.style, urn, (id) => {
        if (resource.style === "sdkv2") made = id;
      });
      try {
        const { id, seen } = await resource.create(call, wantedOf(resource, planned, inputs));
        return { id, state: composeState(resource, id, planned, seen) };
      } catch (error) {
        const text = provider.wording[resource.style](error);
        if (made === undefined) throw new Error(text, { cause: error });
        const state = composeState(resource, made, planned, undefined);
        throw new HalfMade(made, state, `creating ${urn}: ${text}`);
      }
    },

    async read({ urn, id: asked, state: old, inputs }) {
      const resource = resourceOf(urn);
      const isRefresh = Object.keys(old).length > 0;
      const parsed = isRefresh ? undefined : resource.parseImportId?.(asked);
      const id = parsed?.id ?? asked;
      const prior = isRefresh ? plainOf(old) : { ...planState(resource, undefined, {}), ...parsed?.state };
      const seen = await inWords(resource.style, `reading ${urn}: `, () =>
        resource.read(callOf(resource.style, urn), id, prior),
      );
      if (!seen) return undefined;
      const state = composeState(resource, id, prior, seen);
      return { id, state, inputs: refreshInputs(resource, inputs, state, isRefresh) };
    },

    async update({ urn, id, olds, news, ignoreChanges, preview }) {
      const resource = resourceOf(urn);
      const { prior, inputs, planned, diff } = plan(resource, olds, news, ignoreChanges);
      if (preview) return { ...previewState(resource, planned, inputs), id };
      const wanted = wantedOf(resource, planned, inputs);
      const change = { id, state: prior, wanted, changed: new Set(diff.changed) };
      let seen: Bag | undefined;
      try {
        seen = await inWords(resource.style, `updating ${urn}: `, () =>
          resource.update(callOf(resource.style, urn), change),
        );
      } catch (error) {
        if (resource.style === "framework" || !(error instanceof Error)) throw error;
        if (error instanceof ProcessDeath) throw error;
        // SDKv2 gives the state of before back (`d.Partial`), and the bridge calls that a failed initialization.
        throw new HalfMade(id, composeState(resource, id, prior, undefined), error.message);
      }
      if (!seen) {
        throw new Error(`Resource provider reported that the resource did not exist while updating ${urn}.`);
      }
      return composeState(resource, id, planned, seen);
    },

    async delete({ urn, id, state }) {
      const resource = resourceOf(urn);
      await inWords(resource.style, `deleting ${urn}: `, () =>
        resource.delete(callOf(resource.style, urn), id, plainOf(state)),
      );
    },

    async invoke(token, args) {
      const found = functions.get(token);
      if (!found) throw new NoSuchToken(`no such function: ${token}`);
      return await inWords(found.style, "", () => found.invoke(callOf(found.style, ""), plainOf(args)));
    },
  };
}

function plainOf(bag: Bag): Bag {
  return bagOf(withoutSecrets(withoutMarks(bag)));
}
