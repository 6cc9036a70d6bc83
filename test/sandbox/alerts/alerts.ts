/** Where operators' alerts end in the sandbox: a Slack-compatible webhook and a Telegram bot, each with its own way to say no. */
import { Hono } from "hono";
import { z } from "zod";
import { startSimulator, type Simulator, type SimulatorEnv } from "../kit/simulator.ts";

export type KeptAlert = { channel: "slack" | "telegram"; text: string; at: Date };

export type AlertCatcher = Pick<Simulator, "origin" | "faults" | "exchanges" | "close"> & {
  /** For ALERT_SLACK_URL. */
  slackUrl: string;
  /** For TELEGRAM_API_URL, ALERT_TELEGRAM_TOKEN and ALERT_TELEGRAM_CHAT. */
  telegram: { apiUrl: string; token: string; chat: string };
  alerts: readonly KeptAlert[];
};

const hookPath = "/services/T000/B000/sandboxhook";
const token = "123456:sandbox-bot-token-0123456789abcdef";
const chat = "-1001";

const slackSchema = z.strictObject({ text: z.string().min(1).max(40_000) });
const telegramSchema = z.strictObject({
  chat_id: z.string(),
  text: z.string().min(1).max(4096),
  link_preview_options: z.object({ is_disabled: z.boolean() }).optional(),
});

export async function startAlertCatcher(): Promise<AlertCatcher> {
  const alerts: KeptAlert[] = [];
  const app = new Hono<SimulatorEnv>()
    .get("/", (c) => c.json(alerts))
    .post(hookPath, async (c) => {
      const body = slackSchema.safeParse(await c.req.json());
      if (!body.success) return c.text("invalid_payload", 400);
      alerts.push({ channel: "slack", text: body.data.text, at: new Date() });
      return c.text("ok");
    })
    .post(`/bot${token}/sendMessage`, async (c) => {
      const body = telegramSchema.safeParse(await c.req.json());
      if (!body.success || body.data.chat_id !== chat)
        return c.json({ ok: false, error_code: 400, description: "Bad Request: chat not found" }, 400);
      alerts.push({ channel: "telegram", text: body.data.text, at: new Date() });
      return c.json({ ok: true, result: { message_id: alerts.length } });
    })
    .all("*", (c) => c.text("no_service", 404));
  const simulator = await startSimulator({ name: "alerts", app });
  return {
    ...simulator,
    slackUrl: `${simulator.origin}${hookPath}`,
    telegram: { apiUrl: simulator.origin, token, chat },
    alerts,
  };
}
