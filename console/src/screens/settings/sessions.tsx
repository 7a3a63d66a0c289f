/** The browsers in which members are signed in; each can be signed out. */
import { useEndSession, useMembers, useSessions } from "../../api/session";
import { Moment } from "../../parts/app";
import { Button, Loading, Problem } from "../../parts/basic";
import { actsHead, Card, head, screen, Table } from "../../parts/screen";
import { useAround } from "../shell";

/** What a browser calls itself, shortened to what tells it apart. */
export function browserName(agent: string): string {
  const name = /(Edg|OPR|Firefox|Chrome|Safari)\//.exec(agent.replace(/Chrome(?=.*(Edg|OPR))/, ""))?.[1];
  const system = /(Windows|Mac OS X|Android|iPhone|iPad|Linux)/.exec(agent)?.[1];
  const words = [name?.replace("Edg", "Edge").replace("OPR", "Opera"), system?.replace("Mac OS X", "macOS")];
  return words.filter(Boolean).join(" on ") || agent.slice(0, 60) || "unknown";
}

export function Sessions() {
  const { online } = useAround();
  const { data, error, refetch } = useSessions();
  const { data: members } = useMembers();
  const end = useEndSession();
  const name = (id: string) => members?.data.find((member) => member.id === id)?.name ?? id;
  return (
    <Card title="Sessions" note="end after 7 days without use, and after 30 days">
      {error && <Problem error={error} again={() => void refetch()} />}
      {end.error && <Problem error={end.error} />}
      {!data && !error && <Loading what="Sessions are loading" />}
      {data?.data.length === 0 && (
        <p className={screen.note}>
          No member is signed in. Invite somebody under People, and they appear here.
        </p>
      )}
      {data && data.data.length > 0 && (
        <Table
          label="Sessions"
          heads={[head("Who"), head("Browser"), head("Since"), head("Last used"), actsHead]}
        >
          {data.data.map((session) => (
            <tr key={session.id}>
              <td>
                <bdi>{name(session.member_id)}</bdi>
                {session.is_this && " (this one)"}
              </td>
              <td title={session.browser}>{browserName(session.browser)}</td>
              <td>
                <Moment at={Date.parse(session.since)} />
              </td>
              <td>
                <Moment at={Date.parse(session.seen)} />
              </td>
              <td>
                <span className={screen.acts}>
                  <Button disabled={!online || end.isPending} onClick={() => end.mutate(session.id)}>
                    Sign out
                  </Button>
                </span>
              </td>
            </tr>
          ))}
        </Table>
      )}
    </Card>
  );
}
