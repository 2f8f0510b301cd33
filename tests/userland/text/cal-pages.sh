# pages of the calendar
cal 2 2024; cal 9 1752; cal -j 1 2025; cal 2023 | head -12
