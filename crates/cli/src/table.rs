//! Columns, as Go's `text/tabwriter` lays them out with the docker command's parameters: cells end in tabs and are
//! padded with spaces, and the last cell of a line belongs to no column.

use crate::text::display_width;

/// How wide columns are.
#[derive(Clone, Copy, Debug)]
pub struct Layout {
    /// At least that wide, padding included.
    pub min_width: usize,
    /// Spaces between the widest cell and the next column.
    pub padding: usize,
}

/// What lists use: `tabwriter.NewWriter(out, 10, 1, 3, ' ', 0)`.
pub const LIST: Layout = Layout {
    min_width: 10,
    padding: 3,
};
/// What `top` uses: `tabwriter.NewWriter(out, 20, 1, 3, ' ', 0)`.
pub const TOP: Layout = Layout {
    min_width: 20,
    padding: 3,
};
/// What `version` uses: `tabwriter.NewWriter(out, 20, 1, 1, ' ', 0)`.
pub const VERSION: Layout = Layout {
    min_width: 20,
    padding: 1,
};

/// Lays out lines whose cells are separated by tabs.
pub fn align(text: &str, layout: Layout) -> String {
    let lines: Vec<Vec<&str>> = text
        .split('\n')
        .map(|line| line.split('\t').collect())
        .collect();
    let mut widths: Vec<Vec<usize>> = lines
        .iter()
        .map(|cells| vec![0; cells.len().saturating_sub(1)])
        .collect();
    let columns = widths.iter().map(Vec::len).max().unwrap_or(0);
    for column in 0..columns {
        let mut line = 0;
        while line < lines.len() {
            let block = lines[line..]
                .iter()
                .take_while(|cells| cells.len() > column + 1)
                .count();
            if block == 0 {
                line += 1;
                continue;
            }
            let cells = lines[line..line + block]
                .iter()
                .map(|cells| display_width(cells[column]));
            let width = (cells.max().unwrap_or(0) + layout.padding).max(layout.min_width);
            widths[line..line + block]
                .iter_mut()
                .for_each(|widths| widths[column] = width);
            line += block;
        }
    }
    let mut out = String::new();
    for (n, (cells, widths)) in lines.iter().zip(&widths).enumerate() {
        if n > 0 {
            out.push('\n');
        }
        for (cell, width) in cells.iter().zip(widths.iter().map(Some).chain([None])) {
            out.push_str(cell);
            if let Some(width) = width {
                out.push_str(&" ".repeat(width.saturating_sub(display_width(cell))));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let text = "ID\tIMAGE\tNAMES\nabc\ta-very-long-image\tx\ndef\tb\ty\n";
        assert_eq!(
            align(text, LIST),
            "ID        IMAGE               NAMES\nabc       a-very-long-image   x\ndef       b                   y\n"
        );
    }

    #[test]
    fn a_line_without_the_column_ends_its_block() {
        assert_eq!(
            align("a\tb\nplain\nlonglonglong\tb\n", LIST),
            "a         b\nplain\nlonglonglong   b\n"
        );
    }
}
