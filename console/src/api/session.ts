/** Who is signed in, and what they may do; members, their sessions, and what was done. */
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { answered, api, given } from "./client";
import type { Role, SignIn } from "./types";

export const useMe = () =>
  useQuery({
    queryKey: ["session"],
    queryFn: () => answered(api.GET("/baton/v1/session")),
    staleTime: 300_000,
  });

export const signIn = (body: SignIn) => answered(api.POST("/baton/v1/session", { body }));
export const signOut = () => answered(api.DELETE("/baton/v1/session"));
export const lookAtLink = (link: string) => answered(api.POST("/baton/v1/session/link", { body: { link } }));

export const useMembers = () =>
  useQuery({ queryKey: ["members"], queryFn: () => answered(api.GET("/baton/v1/members")) });
export const useSessions = () =>
  useQuery({
    queryKey: ["members", "sessions"],
    queryFn: () => answered(api.GET("/baton/v1/sessions")),
    // Members shows it too: whoever signed in since then must be in the list.
    staleTime: 0,
  });

export const useAudit = () =>
  useInfiniteQuery({
    queryKey: ["audit"],
    queryFn: ({ pageParam: after }) =>
      answered(api.GET("/baton/v1/audit", { params: { query: given({ limit: 50, after }) } })),
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

const of = (name: string) => ({ params: { path: { name } } });

export const useInvite = () =>
  useChange((body: { name: string; role: Role }) => answered(api.POST("/baton/v1/members", { body })));
export const useInviteAgain = () =>
  useChange((id: string) => answered(api.POST("/baton/v1/members/{name}/invitations", of(id))));
export const useChangeRole = () =>
  useChange(({ id, role }: { id: string; role: Role }) =>
    answered(api.PATCH("/baton/v1/members/{name}", { ...of(id), body: { role } })),
  );
export const useRemoveMember = () =>
  useChange((id: string) => answered(api.DELETE("/baton/v1/members/{name}", of(id))));
export const useEndSession = () =>
  useChange((id: string) => answered(api.DELETE("/baton/v1/sessions/{name}", of(id))));
