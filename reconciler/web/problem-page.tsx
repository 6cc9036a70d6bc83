/** A failure that a customer sees: what it is and where to go. */
import { Layout } from "./layout.tsx";

export function ProblemPage({ title, text }: { title: string; text: string }) {
  return (
    <Layout title={title}>
      <h1>{title}</h1>
      <p class="lead">{text}</p>
      <p>
        <a href="/">To the start page</a>
      </p>
    </Layout>
  );
}
