/** Who uses the database: which nodes are there, what each of them delivers, and how far behind it is. */
import { IconAlertTriangle, IconServer2 } from "@tabler/icons-react";
import { useNow } from "../../api/clock";
import { useNodes } from "../../api/nodes";
import type { Nodes as Found, Node } from "../../api/types";
import { nodeWords, ranges, together } from "../../model/nodes";
import { duration } from "../../model/time";
import { Moment } from "../../parts/app";
import { Empty, Loading, Problem, StatePill } from "../../parts/basic";
import { Card, head, screen, Table } from "../../parts/screen";
import css from "./nodes.module.css";

export function Nodes() {
  const { data, error, refetch } = useNodes({ lookedAt: true });
  return (
    <div className={screen.screen}>
      {error && <Problem error={error} again={() => void refetch()} />}
      {data === undefined && !error && <Loading what="Nodes are loading" />}
      {data === null && (
        <Empty
          icon={<IconServer2 size={28} aria-hidden="true" />}
          title="This server has its database to itself"
        >
          <p>It answers every call and delivers everything. Over PostgreSQL several can share the work.</p>
        </Empty>
      )}
      {data && <Together found={data} />}
    </div>
  );
}

function Together({ found }: { found: Found }) {
  return (
    <>
      {found.undelivered.length > 0 && <Undelivered streams={found.undelivered} />}
      <Card title="Nodes" note={<span role="status">{together(found)}</span>}>
        <Table
          label="Nodes"
          heads={[
            head("Node"),
            head("State"),
            head("Delivers"),
            head("Events waiting", true),
            head("Version"),
            head("Since"),
          ]}
        >
          {found.nodes.map((node) => (
            <Row key={node.id} node={node} all={found.nodes} />
          ))}
        </Table>
      </Card>
      <p className={css.about}>
        Each node answers every call, and each stream is delivered by one of them: when a node is gone, the
        others take its streams over. It is listed for an hour more, or until it is there again; one that was
        stopped as it should be is not.
      </p>
    </>
  );
}

function Undelivered({ streams }: { streams: number[] }) {
  const one = streams.length === 1;
  return (
    <div className={screen.banner} role="alert">
      <IconAlertTriangle size={18} aria-hidden="true" />
      <span>
        <strong>
          Nobody delivers {one ? "stream" : "streams"} {ranges(streams)}.
        </strong>{" "}
        Calls are answered, and the webhooks of {one ? "its" : "their"} conversations wait: nothing is lost. A
        node that is there takes {one ? "it" : "them"} over within moments; where this stays, look at what the
        nodes log.
      </span>
    </div>
  );
}

function Row({ node, all }: { node: Node; all: Node[] }) {
  const stands = nodeWords(node, all);
  return (
    <tr>
      <td>
        <strong>
          <bdi>{node.name}</bdi>
        </strong>
        {node.this && " (this one)"}
      </td>
      <td>
        <StatePill tone={stands.tone}>{stands.words}</StatePill>
        {stands.detail && <small>{stands.detail}</small>}
      </td>
      <td className={css.delivers}>{node.there ? <Delivers streams={node.streams} /> : "–"}</td>
      <td className={css.whole} data-number>
        {node.there ? <Waiting node={node} /> : "–"}
      </td>
      <td>
        <code className={css.whole}>{node.version}</code>
      </td>
      <td>
        <Moment at={Date.parse(node.since)} />
      </td>
    </tr>
  );
}

/** So many pieces stand in a line or two; more of them are shown to who asks. */
const FEW = 12;

function Delivers({ streams }: { streams: number[] }) {
  if (streams.length === 0) return <>no stream</>;
  const words = streams.length === 1 ? "1 stream" : `${streams.length} streams`;
  const pieces = ranges(streams);
  if (pieces.split(",").length > FEW) {
    return (
      <details>
        <summary>{words}</summary>
        <small>{pieces}</small>
      </details>
    );
  }
  return (
    <>
      {words}
      <small>{pieces}</small>
    </>
  );
}

function Waiting({ node }: { node: Node }) {
  const now = useNow(1);
  const oldest = node.oldest_waiting ? Date.parse(node.oldest_waiting) : null;
  return (
    <>
      {node.waiting}
      {oldest !== null && (
        <small>
          <Moment at={oldest}>the oldest for {duration(now - oldest)}</Moment>
        </small>
      )}
    </>
  );
}
