/** The operators' API for people: the same document, as a page. */
import { z } from "zod";
import { Layout } from "./layout.tsx";

const parameterSchema = z.object({
  name: z.string(),
  in: z.string(),
  required: z.boolean(),
  schema: z.unknown(),
});
const contentSchema = z.object({
  content: z.object({ "application/json": z.object({ schema: z.unknown() }) }),
});
const operationSchema = z.object({
  operationId: z.string(),
  summary: z.string(),
  description: z.string(),
  parameters: z.array(z.unknown()),
  requestBody: contentSchema.optional(),
  responses: z.record(z.string(), contentSchema.extend({ description: z.string() })),
});
const documentSchema = z.object({
  info: z.object({ title: z.string(), version: z.string() }),
  paths: z.record(z.string(), z.record(z.string(), operationSchema)),
});
type Operation = z.output<typeof operationSchema>;

/** `document`: as `/api/v1/openapi.json` has it. */
export function ReferencePage({ document }: { document: unknown }) {
  const { info, paths } = documentSchema.parse(document);
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
  );
  return (
    <Layout title={info.title}>
      <h1>
        {info.title} {info.version}
      </h1>
      <p class="lead">
        Every path is below <code>/api/v1</code>; send a key as <code>Authorization: Bearer …</code>. For
        programs: <a href="/api/v1/openapi.json">openapi.json</a>.
      </p>
      <nav aria-label="Operations">
        <ul>
          {operations.map(({ path, method, operation }) => (
            <li>
              <a href={`#${operation.operationId}`}>
                {method} {path}
              </a>
            </li>
          ))}
        </ul>
      </nav>
      {operations.map((one) => (
        <OperationSection {...one} />
      ))}
    </Layout>
  );
}

function OperationSection({
  path,
  method,
  operation,
}: {
  path: string;
  method: string;
  operation: Operation;
}) {
  const parameters = operation.parameters.flatMap((one) => {
    const parsed = parameterSchema.safeParse(one);
    return parsed.success ? [parsed.data] : [];
  });
  const good = Object.entries(operation.responses).filter(([status]) => status.startsWith("2"));
  return (
    <section>
      <h2 id={operation.operationId}>
        <code>
          {method} {path}
        </code>
      </h2>
      <p>
        {operation.summary}. {operation.description}.
      </p>
      {parameters.length === 0 ? null : (
        <ul>
          {parameters.map(({ name, in: place, required, schema }) => (
            <li>
              <code>{name}</code> in the {place}
              {required ? "" : ", optional"}: <code>{JSON.stringify(schema)}</code>
            </li>
          ))}
        </ul>
      )}
      {operation.requestBody ? (
        <Schema title="Body" schema={operation.requestBody.content["application/json"].schema} />
      ) : null}
      {good.map(([status, { content }]) => (
        <Schema title={`Answer ${status}`} schema={content["application/json"].schema} />
      ))}
    </section>
  );
}

function Schema({ title, schema }: { title: string; schema: unknown }) {
  return (
    <details>
      <summary>{title}</summary>
      <pre tabindex={0}>
        <code>{JSON.stringify(schema, null, 2)}</code>
      </pre>
    </details>
  );
}
