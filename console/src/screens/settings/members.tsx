/** Members: who may sign in and as what; a new one comes by a link that works once. */
import { type FormEvent, useState } from "react";
import {
  useChangeRole,
  useEndSession,
  useInvite,
  useInviteAgain,
  useMe,
  useMembers,
  useRemoveMember,
  useSessions,
} from "../../api/session";
import type { Invited, Member, Role } from "../../api/types";
import { Moment } from "../../parts/app";
import { Button, Loading, Problem, StatePill } from "../../parts/basic";
import { actsHead, Card, Field, head, Input, Once, Select, screen, Table } from "../../parts/screen";
import { useAround } from "../shell";

export const ROLES: { value: Role; words: string; about: string }[] = [
  { value: "operator", words: "Operator", about: "may do everything" },
  { value: "agent", words: "Agent", about: "answers people in the Inbox, and sees nothing else" },
  { value: "viewer", words: "Viewer", about: "sees everything, and changes nothing" },
];

export function Members() {
  const { data, error, isPending, refetch } = useMembers();
  const [invited, setInvited] = useState<Invited | null>(null);
  return (
    <>
      {invited && (
        <Once
          label={`The link for ${invited.name}: it works once, within three days`}
          secret={invited.link}
          done={() => setInvited(null)}
        />
      )}
      <Invite done={setInvited} />
      <Card title="People" note="who may sign in to this console">
        {error && <Problem error={error} again={() => void refetch()} />}
        {isPending && <Loading what="People are loading" />}
        {data?.data.length === 0 && (
          <p className={screen.note}>
            Nobody is a member yet. Until somebody is, the operator token signs in; so does the link that{" "}
            <code>baton serve</code> prints when it starts.
          </p>
        )}
        {data && data.data.length > 0 && (
          <Table
            label="Members"
            heads={[head("Name"), head("Role"), head("Since"), head("Password"), head("Signed in"), actsHead]}
          >
            {data.data.map((member) => (
              <Row key={member.id} member={member} invited={setInvited} />
            ))}
          </Table>
        )}
      </Card>
    </>
  );
}

/** In how many browsers somebody is signed in, and the way to end that in all of them. */
function SignedIn({ member }: { member: Member }) {
  const { online } = useAround();
  const { data } = useSessions();
  const end = useEndSession();
  const own = data?.data.filter((session) => session.member_id === member.id) ?? [];
  if (!data) return <>–</>;
  if (own.length === 0) return <>nowhere</>;
  const signOut = () => Promise.all(own.map((session) => end.mutateAsync(session.id))).catch(() => {});
  return (
    <>
      <span className={screen.pair}>
        {own.length === 1 ? "1 browser" : `${own.length} browsers`}
        <Button look="quiet" disabled={!online || end.isPending} onClick={() => void signOut()}>
          Sign out<span className="hidden"> {member.name} everywhere</span>
        </Button>
      </span>
      {end.error && <Problem error={end.error} />}
    </>
  );
}

function Invite({ done }: { done: (invited: Invited) => void }) {
  const { online } = useAround();
  const [name, setName] = useState("");
  const [role, setRole] = useState<Role>("agent");
  const invite = useInvite();
  function submit(event: FormEvent) {
    event.preventDefault();
    invite.mutate(
      { name: name.trim(), role },
      {
        onSuccess: (invited) => {
          setName("");
          done(invited);
        },
      },
    );
  }
  return (
    <Card title="Invite somebody">
      <form className={screen.body} onSubmit={submit}>
        <div className={screen.fields}>
          <Field label="Name" wide>
            <Input value={name} maxLength={60} onChange={(event) => setName(event.target.value)} />
          </Field>
          <Field label="Role">
            <Select choices={ROLES} value={role} choose={(value) => setRole(value as Role)} />
          </Field>
          <Button look="primary" type="submit" disabled={name.trim() === "" || invite.isPending || !online}>
            Make a link
          </Button>
        </div>
        <p>
          {ROLES.find((one) => one.value === role)?.words}: {ROLES.find((one) => one.value === role)?.about}.
        </p>
        {invite.error && <Problem error={invite.error} />}
      </form>
    </Card>
  );
}

function Row({ member, invited }: { member: Member; invited: (invited: Invited) => void }) {
  const { online } = useAround();
  const { data: me } = useMe();
  const change = useChangeRole();
  const again = useInviteAgain();
  const remove = useRemoveMember();
  const [sure, setSure] = useState(false);
  const wrong = change.error ?? again.error ?? remove.error;
  return (
    <tr>
      <td>
        <bdi>{member.name}</bdi>
        {me?.member_id === member.id && " (you)"}
        {wrong && <Problem error={wrong} />}
      </td>
      <td>
        <Select
          choices={ROLES}
          value={member.role}
          aria-label={`Role of ${member.name}`}
          disabled={!online || change.isPending}
          choose={(role) => change.mutate({ id: member.id, role: role as Role })}
        />
      </td>
      <td>
        <Moment at={Date.parse(member.since)} />
      </td>
      <td>
        {member.has_password ? (
          <StatePill tone="well">chosen</StatePill>
        ) : member.invited_until ? (
          <StatePill tone="wait">invited</StatePill>
        ) : (
          <StatePill tone="danger">link too old</StatePill>
        )}
      </td>
      <td>
        <SignedIn member={member} />
      </td>
      <td>
        <span className={screen.acts}>
          <Button disabled={!online} onClick={() => again.mutate(member.id, { onSuccess: invited })}>
            New link
          </Button>
          {sure ? (
            <Button look="primary" disabled={!online} onClick={() => remove.mutate(member.id)}>
              Remove, sign out everywhere
            </Button>
          ) : (
            <Button onClick={() => setSure(true)}>Remove…</Button>
          )}
        </span>
      </td>
    </tr>
  );
}
