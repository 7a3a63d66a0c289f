/** How conversations went in a while. */
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { get } from "./client";
import type { Instant } from "./types";

export interface Statistics {
  since: Instant;
  until: Instant;
  conversations: number;
  owners: { app_id: string | null; count: number }[];
  waiting: number;
  ending_soon: number;
  changes: { from_app_id: string | null; to_app_id: string | null; count: number }[];
  first_answer: {
    count: number;
    median_ms: number | null;
    p90_ms: number | null;
    inbox_median_ms: number | null;
    steps: { up_to_ms: number | null; count: number }[];
  };
  refusals: { rule: string; app_id: string | null; count: number }[];
  at_least: boolean;
}

export const useStatistics = (page: string, range: string) =>
  useQuery({
    queryKey: ["conversations", "statistics", page, range],
    queryFn: () => get<Statistics>("statistics", { page, range }),
    placeholderData: keepPreviousData,
    // Counting takes a while: not again with each message.
    staleTime: 30_000,
    enabled: page !== "",
  });
