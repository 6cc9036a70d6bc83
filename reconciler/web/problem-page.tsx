/** A failure that a customer sees: what it is and where to go. */
import { Layout } from "./layout.tsx";

export type Problem = {
  title: string;
  text: string;
  /** The page that they came from; absent: the start page. */
  back?: string;
};

export function ProblemPage({ title, text, back }: Problem) {
  return (
    <Layout title={title}>
      <h1>{title}</h1>
      <p class="lead">{text}</p>
      <p>{back === undefined ? <a href="/">To the start page</a> : <a href={back}>Back</a>}</p>
    </Layout>
  );
}
