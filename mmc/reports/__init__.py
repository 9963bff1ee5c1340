"""What mmc tells about a compile: one dataclass, shown as text or as JSON (docs/report.md)."""

from mmc.reports.compile_report import CompileReport
from mmc.reports.output import print_reports, write_report

__all__ = ["CompileReport", "print_reports", "write_report"]
