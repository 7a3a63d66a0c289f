/** A file that was sent. Those that Baton keeps are shown; what lies elsewhere is an address, and never fetched. */
import { CONSOLE } from "../api/client";
import css from "./parts.module.css";

const KEPT = new URL("../media/", CONSOLE).href;

export function SentFile({
  url,
  kind,
  className,
}: {
  url: string;
  kind: string;
  /** Of the picture. */
  className: string | undefined;
}) {
  if (!url.startsWith(KEPT)) return <code className={css.url}>{url}</code>;
  return (
    <a href={url} target="_blank" rel="noreferrer">
      {kind === "photo" ? (
        <img className={className} src={url} alt="The file that was sent" />
      ) : (
        `Open the ${kind}`
      )}
    </a>
  );
}
