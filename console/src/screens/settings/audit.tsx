/** Who did what, the newest first. */
import { useAudit } from "../../api/session";
import type { AuditLine } from "../../api/types";
import { Moment } from "../../parts/app";
import { Button, Loading, Problem, StatePill } from "../../parts/basic";
import { Card, head, screen, Table } from "../../parts/screen";

/** `patchApp` as `patch app`. */
export const words = (operation: string): string =>
  operation.replace(/([A-Z])/g, (letter) => ` ${letter.toLowerCase()}`);

export function Audit() {
  const { data, error, refetch, hasNextPage, fetchNextPage } = useAudit();
  const lines = data?.pages.flatMap((page) => page.data) ?? [];
  return (
    <Card title="Who did what" note="changes, answers in the Inbox, signing in; the newest 100,000 are kept">
      {error && <Problem error={error} again={() => void refetch()} />}
      {!data && !error && <Loading what="The log is loading" />}
      {data && lines.length === 0 && <p className={screen.note}>Nothing was changed yet.</p>}
      {lines.length > 0 && (
        <Table
          label="Audit log"
          heads={[head("When"), head("Who"), head("What"), head("Upon"), head("Came of it")]}
        >
          {lines.map((line, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: lines have no id, and only grow at one end
            <Line key={`${line.at}/${lines.length - index}`} line={line} />
          ))}
        </Table>
      )}
      {hasNextPage && (
        <div className={screen.pagination}>
          <Button onClick={() => void fetchNextPage()}>Show more</Button>
        </div>
      )}
    </Card>
  );
}

function Line({ line }: { line: AuditLine }) {
  const done = line.status < 300;
  return (
    <tr>
      <td>
        <Moment at={Date.parse(line.at)} seconds />
      </td>
      <td>
        <bdi>{line.name}</bdi>
      </td>
      <td title={line.operation}>{words(line.operation)}</td>
      <td>
        <code>{line.path}</code>
      </td>
      <td>
        <StatePill tone={done ? "well" : "danger"}>
          {done ? "done" : line.status === 403 ? "not allowed" : `refused, ${line.status}`}
        </StatePill>
      </td>
    </tr>
  );
}
