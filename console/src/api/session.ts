/** Who is signed in, and what they may do; members, their sessions, and what was done. */
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { get, patch, post, remove, segment } from "./client";
import type { AuditLine, LinkMeaning, List, Me, Member, Role, Session } from "./types";

export const useMe = () =>
  useQuery({ queryKey: ["session"], queryFn: () => get<Me>("session"), staleTime: 300_000 });

export type SignsInWith =
  | { name: string; password: string }
  | { link: string; name?: string; password?: string }
  | { operator_token: string };

export const signIn = (given: SignsInWith) => post<Me>("session", given);
export const signOut = () => remove("session");
export const lookAtLink = (link: string) => post<LinkMeaning>("session/link", { link });

export const useMembers = () =>
  useQuery({ queryKey: ["members"], queryFn: () => get<List<Member>>("members") });
export const useSessions = () =>
  useQuery({ queryKey: ["members", "sessions"], queryFn: () => get<List<Session>>("sessions") });

export const useAudit = () =>
  useInfiniteQuery({
    queryKey: ["audit"],
    queryFn: ({ pageParam }) => get<List<AuditLine>>("audit", { limit: 50, after: pageParam }),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last) => last.next ?? undefined,
    staleTime: 0,
  });

function useChange<In, Out>(run: (given: In) => Promise<Out>) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: run,
    onSettled: () => {
      void queries.invalidateQueries({ queryKey: ["members"] });
      void queries.invalidateQueries({ queryKey: ["audit"] });
    },
  });
}

export interface Invited extends Member {
  link: string;
}

const member = (id: string): string => `members/${segment(id)}`;

export const useInvite = () =>
  useChange((given: { name: string; role: Role }) => post<Invited>("members", given));
export const useInviteAgain = () => useChange((id: string) => post<Invited>(`${member(id)}/invitations`, {}));
export const useChangeRole = () =>
  useChange(({ id, role }: { id: string; role: Role }) => patch<Member>(member(id), { role }));
export const useRemoveMember = () => useChange((id: string) => remove(member(id)));
export const useEndSession = () => useChange((id: string) => remove(`sessions/${segment(id)}`));
