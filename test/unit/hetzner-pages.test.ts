/** Proves that a list of Hetzner's is read to its end, or not at all. */
import { expect, test } from "vitest";
import { z } from "zod";
import { listObjects } from "../../reconciler/cloud/hetzner-pages.ts";
import { createCloudHttp } from "../../reconciler/cloud/http.ts";

const item = z.object({ id: z.number() });

/** Answers a page, which is the last when `next` is null. */
function startCloud(answer: (page: number) => { items?: unknown; next: number | null }) {
  const asked: string[] = [];
  const http = createCloudHttp({
    cloud: "hetzner",
    baseUrl: "https://cloud.example/v1",
    token: "t",
    fetch: (input) => {
      const url = new URL(z.string().parse(input));
      asked.push(`${url.pathname}${url.search}`);
      const { items, next } = answer(Number(url.searchParams.get("page")));
      return Promise.resolve(Response.json({ ssh_keys: items, meta: { pagination: { next_page: next } } }));
    },
  });
  return { http, asked };
}

test("follows the pages that Hetzner names, with the filter on each", async () => {
  const { http, asked } = startCloud((page) => ({ items: [{ id: page }], next: page < 3 ? page + 1 : null }));
  expect(await listObjects(http, "ssh_keys", item, { name: "a b" })).toEqual([
    { id: 1 },
    { id: 2 },
    { id: 3 },
  ]);
  expect(asked).toEqual([1, 2, 3].map((page) => `/v1/ssh_keys?name=a+b&per_page=50&page=${page}`));
});

test("a list that is not there, or holds something else, is no empty list", async () => {
  const without = startCloud(() => ({ next: null }));
  await expect(listObjects(without.http, "ssh_keys", item)).rejects.toThrow("an answer of another shape");
  const strange = startCloud(() => ({ items: [{ id: "x" }], next: null }));
  await expect(listObjects(strange.http, "ssh_keys", item)).rejects.toMatchObject({
    code: "cloud_unavailable",
    retry: { kind: "blocked", by: "hetzner" },
  });
});

test("a list without an end is given up", async () => {
  const { http, asked } = startCloud(() => ({ items: [], next: 2 }));
  await expect(listObjects(http, "ssh_keys", item)).rejects.toThrow("the list has no end");
  expect(asked.length).toBeLessThanOrEqual(2000);
});
