/** The nodes that use the database, where several may. */
import { useQuery } from "@tanstack/react-query";
import { answered, api, Problem } from "./client";
import { useMe } from "./session";

/** While they are looked at, and on every other screen. */
const LOOKED_AT = 5_000;
const ELSEWHERE = 20_000;

/** Null where the database is this server's own: then there is nothing to ask again. */
export function useNodes({ lookedAt = false } = {}) {
  const { data: me } = useMe();
  const age = lookedAt ? LOOKED_AT : ELSEWHERE;
  return useQuery({
    queryKey: ["nodes"],
    queryFn: async () => {
      try {
        return await answered(api.GET("/baton/v1/nodes"));
      } catch (error) {
        if (error instanceof Problem && error.document.type.endsWith("/one-node")) return null;
        throw error;
      }
    },
    enabled: me !== undefined && me.role !== "agent",
    staleTime: LOOKED_AT,
    refetchInterval: ({ state }) => (state.data === null ? false : age),
  });
}
