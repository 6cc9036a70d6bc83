/** Paddle's error envelope. */
import { randomUUID } from "node:crypto";

export class PaddleRefusal extends Error {
  readonly status: number;
  readonly code: string;
  constructor(status: number, code: string, detail: string) {
    super(detail);
    this.status = status;
    this.code = code;
  }

  toBody(): object {
    const documentation_url = `https://developer.paddle.com/errors/shared/${this.code}`;
    return {
      error: { type: "request_error", code: this.code, detail: this.message, documentation_url },
      meta: { request_id: randomUUID() },
    };
  }
}

export function notFound(kind: string, id: string): PaddleRefusal {
  return new PaddleRefusal(404, "not_found", `Entity ${kind}/${id} not found`);
}

export function badRequest(code: string, detail: string): PaddleRefusal {
  return new PaddleRefusal(400, code, detail);
}
