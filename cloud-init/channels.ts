/** Which of a customer's keys are tokens of channels, and what the gateway's configuration says of them. Pure. */

/** For `secrets.providers`; a gateway of its own has a file of its own. */
export const secretsProvider = "customer";
export const secretsFile = "/etc/openclaw/secrets.json";

type ChannelToken = { channel: string; setting: string };

/** Names as the channels' own documentation has them; settings as OpenClaw 2026.9.6 validates them. */
const channelTokens: Readonly<Record<string, ChannelToken>> = {
  TELEGRAM_BOT_TOKEN: { channel: "telegram", setting: "botToken" },
  DISCORD_BOT_TOKEN: { channel: "discord", setting: "token" },
  SLACK_BOT_TOKEN: { channel: "slack", setting: "botToken" },
  SLACK_APP_TOKEN: { channel: "slack", setting: "appToken" },
};

export type SplitKeys = {
  /** Into the gateway's environment. */
  environment: Record<string, string>;
  /** Into the secrets file, which only the gateway's user reads. */
  channels: Record<string, string>;
};

export function splitKeys(keys: Readonly<Record<string, string>>): SplitKeys {
  const isChannel = ([name]: [string, string]) => channelTokens[name] !== undefined;
  const all = Object.entries(keys).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return {
    environment: Object.fromEntries(all.filter((key) => !isChannel(key))),
    channels: Object.fromEntries(all.filter(isChannel)),
  };
}

/**
 * Parts of openclaw.json for these tokens; nothing where there are none. A channel with a token too few stays off. Strangers
 * get a pairing code instead of an answer, and groups get nothing: the bot's name is public, its owner's model bill is not.
 */
export function channelConfig(names: readonly string[]) {
  const wanted = new Set(
    names.map((name) => channelTokens[name]?.channel).filter((one) => one !== undefined),
  );
  const channels: Record<string, Record<string, unknown>> = {};
  for (const channel of wanted) {
    const needed = Object.entries(channelTokens).filter(([, token]) => token.channel === channel);
    if (!needed.every(([name]) => names.includes(name))) continue;
    const tokens = needed.map(([name, { setting }]) => [
      setting,
      { source: "file", provider: secretsProvider, id: `/${name}` },
    ]);
    channels[channel] = {
      enabled: true,
      ...Object.fromEntries(tokens),
      dmPolicy: "pairing",
      groupPolicy: "disabled",
    };
  }
  if (Object.keys(channels).length === 0) return {};
  return {
    secrets: { providers: { [secretsProvider]: { source: "file", path: secretsFile, mode: "json" } } },
    channels,
  };
}
