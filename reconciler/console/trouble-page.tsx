/** What was asked for and is not done, or not there: why, and the way on. */
import { Document, Frame, type Viewer } from "./frame.tsx";

export type Trouble = {
  title: string;
  message: string;
  remedy: string | undefined;
  requestId: string;
  /** Where one came from. */
  back: string;
};

/** Without a viewer: of somebody who is not signed in. */
export function TroublePage({ viewer, trouble }: { viewer: Viewer | undefined; trouble: Trouble }) {
  const content = (
    <>
      <h1>{trouble.title}</h1>
      <p class="notice" data-kind="bad" role="alert">
        {trouble.message}
      </p>
      {trouble.remedy === undefined ? null : (
        <p>
          <b>What to do:</b> {trouble.remedy}
        </p>
      )}
      <p>
        <a href={trouble.back}>Back</a>
      </p>
      <p class="muted">
        Request <code>{trouble.requestId}</code>
      </p>
    </>
  );
  if (viewer)
    return (
      <Frame title={trouble.title} viewer={viewer}>
        {content}
      </Frame>
    );
  return (
    <Document title={trouble.title}>
      <main class="narrow">{content}</main>
    </Document>
  );
}
